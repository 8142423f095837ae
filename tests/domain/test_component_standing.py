"""What else is decided about components: verified, primary, allowed at all."""

from datetime import timedelta
from typing import Any

import pytest

from domain.components.catalogue import COMPONENT_TYPES
from domain.event_data.base import EventData
from domain.event_data.component import (
    ComponentAdded,
    ComponentPrimaryChanged,
    ComponentRemoved,
    ComponentUpdated,
    ComponentVerified,
)
from domain.event_data.policy import QualityFlagged
from domain.event_data.privacy import ConsentRecorded
from domain.evolve import apply, evolve
from domain.ids import derive
from domain.personal import Redacted
from tests.domain.samples_of_components import SAMPLES
from tests.domain.specification import ADA, GRACE, NOW, admitted, created, given, person_after, recorded, uuid

WORK, HOME, OTHER = uuid("work"), uuid("home"), uuid("other")
GRANTED = ConsentRecorded(consent_type="profiling", granted=True, terms_version="1")
REFUSED = ConsentRecorded(consent_type="profiling", granted=False, terms_version="1")


def added(component_id: str, component_type: str, **changes: Any) -> ComponentAdded:
    """A component of a type, as the log holds it."""
    data = admitted(COMPONENT_TYPES[component_type], **{**SAMPLES[component_type], **changes})
    return ComponentAdded(component_id=component_id, component_type=component_type, component_data=data)


def mailbox(component_id: str, address: str, **fields: Any) -> ComponentAdded:
    return added(component_id, "EmailAddress", email={"address": address}).model_copy(update=fields)


WORK_MAIL = mailbox(WORK, "work@example.org", is_primary=True)
HOME_MAIL = mailbox(HOME, "home@example.org")


def test_a_component_is_verified_once() -> None:
    verified = ComponentVerified(component_id=WORK, component_type="EmailAddress", method="link")
    asked = {"component_id": WORK, "method": "link"}
    person = given(created(), WORK_MAIL).when("VerifyComponent", asked).then(verified)
    assert person.components[WORK].is_verified
    given(person).when("VerifyComponent", asked, id=uuid("again")).then_refused("no_change")


def test_another_component_becomes_the_primary_one() -> None:
    moved = ComponentPrimaryChanged(component_id=HOME, component_type="EmailAddress", previous_component_id=WORK)
    specification = given(created(), WORK_MAIL, HOME_MAIL).when("SetPrimaryComponent", {"component_id": HOME})
    person = specification.then(moved)
    assert [held.component_id for held in person.components.values() if held.is_primary] == [HOME]
    given(person).when("SetPrimaryComponent", {"component_id": HOME}, id=uuid("again")).then_refused("no_change")


@pytest.mark.parametrize("name", ["VerifyComponent", "SetPrimaryComponent", "EndorseSkill"])
def test_what_is_not_there_is_not_found(name: str) -> None:
    extra: dict[str, dict[str, Any]] = {"VerifyComponent": {"method": "x"}, "EndorseSkill": {"endorser_name": "Grace"}}
    asked = {"component_id": OTHER, **extra.get(name, {})}
    given(created(), WORK_MAIL).when(name, asked).then_refused("component_not_found", component_id=OTHER)


def adding(component_type: str, component_id: str = OTHER, **changes: Any) -> dict[str, Any]:
    data = {**SAMPLES[component_type], **changes}
    return {"component_id": component_id, "component_type": component_type, "data": data}


def test_a_person_has_no_relationship_with_itself() -> None:
    asked = adding("Relationship", other_person_id=ADA)
    given(created()).when("AddComponent", asked).then_refused("self_reference")
    friend = added(OTHER, "Relationship", other_person_id=GRACE)
    changes = {"component_id": OTHER, "component_type": "Relationship", "changes": {"other_person_id": ADA}}
    given(created(), friend).when("UpdateComponent", changes).then_refused("self_reference")


def test_behaviour_is_kept_only_with_consent_to_profiling() -> None:
    asked = adding("BehavioralData")
    given(created()).when("AddComponent", asked).then_refused("consent_required", consent_type="profiling")
    given(created(), REFUSED).when("AddComponent", asked).then_refused("consent_required")
    assert given(created(), GRANTED).when("AddComponent", asked).events


@pytest.mark.parametrize("component_type", [name for name, model in COMPONENT_TYPES.items() if model.single])
def test_a_single_type_is_there_once(component_type: str) -> None:
    past = (created(), GRANTED, added(WORK, component_type))
    specification = given(*past).when("AddComponent", adding(component_type))
    specification.then_refused("component_exists", component_id=WORK, rule="single")


def test_the_guards_come_in_their_order() -> None:
    past = (created(), added(WORK, "Relationship", other_person_id=GRACE))
    asked = adding("Relationship", WORK, other_person_id=ADA)
    given(*past).when("AddComponent", asked).then_refused("self_reference")
    behaviour = (created(), GRANTED, added(WORK, "BehavioralData"), REFUSED)
    given(*behaviour).when("AddComponent", adding("BehavioralData", WORK)).then_refused("consent_required")


def test_a_removed_component_takes_its_quality_flags_along() -> None:
    flags = (
        QualityFlagged(flag_id=uuid("flag 1"), flag="email_invalid", component_id=WORK),
        QualityFlagged(flag_id=uuid("flag 2"), flag="email_invalid", component_id=HOME),
        QualityFlagged(flag_id=uuid("flag 3"), flag="name_too_short"),
    )
    person = given(created(), WORK_MAIL, HOME_MAIL, *flags).person
    after = evolve(person, recorded(ComponentRemoved(component_id=WORK, component_type="EmailAddress"), 7))
    assert set(after.quality) == {uuid("flag 2"), uuid("flag 3")}


@pytest.mark.parametrize(
    "data",
    [
        ComponentVerified(component_id=OTHER, component_type="EmailAddress", method="link"),
        ComponentVerified(component_id=HOME, component_type="EmailAddress", method="link"),
    ],
    ids=["unknown", "verified before"],
)
def test_a_verification_out_of_place_changes_nothing(data: EventData) -> None:
    person = given(created(), mailbox(HOME, "home@example.org", is_verified=True)).person
    assert evolve(person, recorded(data, 3)) is person


def test_who_touched_a_component_last_is_kept() -> None:
    person = person_after(created(), WORK_MAIL, HOME_MAIL)
    later = {"time": NOW + timedelta(days=1), "actor": "hr:h-1"}
    verified = ComponentVerified(component_id=WORK, component_type="EmailAddress", method="link")
    moved = ComponentPrimaryChanged(component_id=HOME, component_type="EmailAddress", previous_component_id=WORK)
    after = apply(apply(person, recorded(verified, 4, **later)), recorded(moved, 5, **later))
    for held in after.components.values():
        assert (held.updated_at, held.updated_by) == (later["time"], "hr:h-1")
        assert (held.created_at, held.created_by) == (NOW, "user:u-1")


def test_an_update_that_cannot_be_read_any_more_changes_no_other_component() -> None:
    person = person_after(created(), WORK_MAIL, HOME_MAIL)
    gone = ComponentUpdated(component_id=WORK, changes=Redacted(**{"$redacted": "contact"}))
    after = evolve(person, recorded(gone, 4))
    assert after.components[HOME] is person.components[HOME]


def test_ids_of_components_are_derived_when_left_out() -> None:
    asked = adding("Tag")
    del asked["component_id"]
    (event,) = given(created()).when("AddComponent", asked).events
    assert isinstance(event.data, ComponentAdded)
    assert event.data.component_id == derive(event.causationid, "component:0")
