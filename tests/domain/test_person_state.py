"""The fold: order, repetition, activity, and events that are out of place."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.components.catalogue import members, stored_data
from domain.components.email_address import EmailAddressComponent
from domain.event_data.component import ComponentAdded, ComponentPrimaryChanged, ComponentRemoved, ComponentUpdated
from domain.event_data.identity import BirthDateSet, NameUpdated
from domain.event_data.lifecycle import PersonActivated, PersonSuspended
from domain.evolve import SequenceGap, apply, evolve
from domain.person import Person, dump_state, load_state
from domain.personal import Redacted
from domain.standing import ErasurePending
from tests.domain.samples_of_components import SAMPLES
from tests.domain.specification import ADA, ADA_LOVELACE, GRACE, created, given, past_of, person_after, recorded, uuid

LATER = datetime(2026, 3, 1, tzinfo=UTC)
EARLIER = datetime(2025, 3, 1, tzinfo=UTC)
REDACTED = Redacted(**{"$redacted": "identity"})


def mail(component_id: Any, address: Any, **fields: Any) -> Any:
    data = EmailAddressComponent.admit({"email": {"address": address}})
    return ComponentAdded(component_id=component_id, component_type="EmailAddress", component_data=data, **fields)


def test_an_event_that_was_applied_changes_nothing() -> None:
    person = person_after(created())
    assert apply(person, recorded(PersonSuspended(reason="x"), 1)) is person


def test_a_gap_is_reported_and_never_skipped() -> None:
    with pytest.raises(SequenceGap) as gap:
        apply(person_after(created()), recorded(PersonSuspended(reason="x"), 3))
    assert (gap.value.person_id, gap.value.have, gap.value.got) == (ADA, 1, 3)


def test_an_event_out_of_place_still_counts() -> None:
    person = person_after(created())
    event = recorded(PersonActivated(reason="x"), 2, time=LATER)
    assert evolve(person, event) is person
    after = apply(person, event)
    assert (after.version, after.updated_at, after.status) == (2, LATER, person.status)


def test_nothing_happens_to_a_person_who_does_not_exist() -> None:
    new = Person.new(ADA)
    assert evolve(new, recorded(PersonActivated(reason="x"), 1)) is new


def test_nothing_happens_to_an_erased_person() -> None:
    erased = person_after(created()).model_copy(update={"erasure": "Erased"})
    event = recorded(NameUpdated(new_name=ADA_LOVELACE), 2, time=LATER)
    assert evolve(erased, event) is erased
    after = apply(erased, event)
    assert (after.version, after.last_activity_at) == (2, erased.last_activity_at)


@pytest.mark.parametrize(
    ("actor", "active"),
    [
        (kind, kind in ("user", "api", "hr", "idp", "unknown"))
        for kind in ("user", "system", "api", "job", "hr", "idp", "policy", "saga", "adapter", "import", "unknown")
    ],
)
def test_activity_is_what_people_do(actor: Any, active: Any) -> None:
    person = person_after(created()).model_copy(update={"inactivity_reported": 90})
    after = apply(person, recorded(PersonSuspended(reason="x"), 2, actor=f"{actor}:1", time=LATER))
    expected = (LATER, 0) if active else (person.last_activity_at, 90)
    assert (after.last_activity_at, after.inactivity_reported) == expected


def test_creation_is_activity_whoever_did_it() -> None:
    person = apply(Person.new(ADA), recorded(created(), 1, actor="import:1", time=EARLIER))
    assert person.last_activity_at == EARLIER


def test_activity_never_goes_back() -> None:
    person = person_after(created())
    after = apply(person, recorded(PersonSuspended(reason="x"), 2, time=EARLIER))
    assert after.last_activity_at == person.last_activity_at


def test_events_of_one_command_are_remembered_together() -> None:
    person = Person.new(ADA)
    for sequence, data in enumerate((created(), BirthDateSet(birth_date=date(1815, 12, 10))), 1):
        person = apply(person, recorded(data, sequence, causationid=GRACE, correlationid=GRACE))
    assert person.recent == ((GRACE, 1, 2),)


def test_a_birth_date_stays_as_first_set() -> None:
    born = BirthDateSet(birth_date=date(1815, 12, 10))
    assert person_after(created(), born, BirthDateSet(birth_date=date(1900, 1, 1))).birth_date == born.birth_date


def test_a_new_primary_clears_the_old_one() -> None:
    first, second = uuid("1"), uuid("2")
    person = person_after(
        created(),
        mail(first, "a@example.org", is_primary=True),
        mail(second, "b@example.org", is_primary=True),
    )
    assert [held.is_primary for held in person.components.values()] == [False, True]


def test_component_events_out_of_place_change_nothing() -> None:
    known = uuid("1")
    person = person_after(
        created(),
        mail(known, "a@example.org", is_primary=True),
        mail(uuid("2"), "b@example.org"),
        ComponentRemoved(component_id=uuid("2"), component_type="EmailAddress"),
    )
    for data in (
        mail(known, "c@example.org"),
        mail(uuid("2"), "d@example.org"),
        ComponentUpdated(component_id=GRACE, changes={"x": 1}),
        ComponentRemoved(component_id=GRACE, component_type="EmailAddress"),
        ComponentRemoved(component_type="Skill"),
        ComponentPrimaryChanged(component_id=GRACE, component_type="EmailAddress"),
        ComponentPrimaryChanged(component_id=known, component_type="Skill"),
        ComponentPrimaryChanged(component_id=known, component_type="EmailAddress"),
    ):
        assert evolve(person, recorded(data, 9)) is person


def test_all_components_of_a_type_can_be_removed() -> None:
    person = person_after(
        created(),
        mail(uuid("1"), "a@example.org"),
        mail(uuid("2"), "b@example.org"),
        ComponentRemoved(component_type="EmailAddress"),
    )
    assert not person.components
    assert person.retired_components == {uuid("1"), uuid("2")}


def test_a_patch_that_cannot_be_read_hides_the_data() -> None:
    gone = Redacted(**{"$redacted": "contact"})
    person = person_after(created(), mail(GRACE, "a@example.org"))
    after = evolve(person, recorded(ComponentUpdated(component_id=GRACE, changes=gone), 3))
    assert after.components[GRACE].data == gone
    again = evolve(after, recorded(ComponentUpdated(component_id=GRACE, changes={"email_type": "Work"}), 4))
    assert again.components[GRACE].data == gone


def test_a_patch_that_breaks_the_data_leaves_it_raw() -> None:
    person = person_after(created(), mail(GRACE, "a@example.org"))
    after = evolve(person, recorded(ComponentUpdated(component_id=GRACE, changes={"email": 7}), 3))
    assert after.components[GRACE].data == {
        "email": 7,
        "email_type": "Other",
        "can_receive_notifications": True,
        "can_receive_marketing": False,
    }
    assert load_state(dump_state(after)) == after


@pytest.mark.parametrize("component_type", SAMPLES)
def test_an_update_gives_what_reading_the_changed_data_gives(component_type: str) -> None:
    sample = SAMPLES[component_type]
    added = ComponentAdded(
        component_id=GRACE, component_type=component_type, component_data=stored_data(component_type, sample)
    )
    person = person_after(created(), added)
    patches: list[dict[str, Any]] = [{name: sample[name]} for name in sample]
    for changes in [*patches, *({name: None} for name in sample), {"unknown": 1}]:
        after = evolve(person, recorded(ComponentUpdated(component_id=GRACE, changes=changes), 3))
        document = {**members(stored_data(component_type, sample)), **changes}
        present = {name: value for name, value in document.items() if value is not None}
        assert after.components[GRACE].data == stored_data(component_type, present)
        assert load_state(dump_state(after)) == after


@pytest.mark.parametrize("status", ["New", "Draft", "Active", "Suspended", "Archived", "Deceased", "MergedInto"])
def test_a_state_survives_its_dump(status: Any) -> None:
    person = given(*past_of(status)).person
    assert load_state(dump_state(person)) == person
    assert dump_state(load_state(dump_state(person))) == dump_state(person)


def test_what_a_state_can_hold_survives_its_dump() -> None:
    gone = Redacted(**{"$redacted": "contact"})
    person = person_after(
        created(),
        mail(uuid("1"), "a@example.org", tags=("x",), custom_fields={"k": [1, None]}),
        ComponentAdded(component_id=uuid("2"), component_type="EmailAddress", component_data=gone),
        ComponentAdded(component_id=uuid("3"), component_type="Hologram", component_data={"a": 1}),
        ComponentRemoved(component_id=uuid("1"), component_type="EmailAddress"),
        NameUpdated(new_name=REDACTED),
    )
    for erasure in (None, "Erased", ErasurePending(request_id=GRACE, not_before=LATER)):
        kept = person.model_copy(update={"erasure": erasure})
        assert load_state(dump_state(kept)) == kept


def test_a_state_holds_only_what_can_be_kept() -> None:
    with pytest.raises(TypeError):
        dump_state(Person.new(ADA).model_copy(update={"source": object()}))
