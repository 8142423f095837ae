"""Merging a person into another, and what that one takes over."""

from datetime import date
from typing import Any

import pytest

from domain.components.catalogue import COMPONENT_TYPES
from domain.components.instance import Provenance
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded, ComponentRemoved
from domain.event_data.identity import AttributeRecorded, IdentityLinked, TitleAwarded, TitleRevoked
from domain.event_data.lifecycle import AbsorbedComponent, PersonAbsorbed, PersonArchived, PersonMerged
from domain.event_data.privacy import ConsentRecorded, ErasureRequested, LegalHoldPlaced, PersonErased
from domain.event_data.relationship import AgentAssigned, EmploymentAdded, LocationAssigned
from domain.evolve import apply
from domain.ids import derive
from domain.person import Person
from domain.personal import Redacted
from domain.refusals import Refused
from domain.values.attribute import AttributeProvenance
from domain.values.attribute_value import JsonDocumentValue, LengthValue
from tests.domain.samples_of_components import SAMPLES
from tests.domain.specification import (
    ADA,
    GRACE,
    NOW,
    admitted,
    command,
    created,
    envelope,
    given,
    past_of,
    person_after,
    read,
    recorded,
    uuid,
)

THIRD = uuid("third person")
COMMAND = uuid("command AbsorbPerson")
MERGED = PersonMerged(target_person_id=ADA, merge_reason="DuplicateIdentity")
PENDING = ErasureRequested(request_id=THIRD, legal_basis="DataSubjectRequest", not_before=NOW)
TO_GRACE = {"target_person_id": GRACE, "merge_reason": "DuplicateIdentity"}
REDACTED = Redacted(**{"$redacted": "profile"})


def grace(*past: EventData) -> Person:
    """Another person."""
    return person_after(created(), *past, person_id=GRACE)


def merged_grace(*past: EventData, into: str = ADA) -> Person:
    """Another person that was merged."""
    return grace(*past, MERGED.model_copy(update={"target_person_id": into}))


def test_a_person_refers_to_the_one_it_was_merged_into() -> None:
    merged = PersonMerged(target_person_id=GRACE, merge_reason="DuplicateIdentity")
    person = given(created()).when("MergePersons", TO_GRACE, others=[grace()]).then(merged)
    assert (person.merged_into, person.column) == (GRACE, "MergedInto")


def test_a_person_is_not_merged_into_itself() -> None:
    asked = {**TO_GRACE, "target_person_id": ADA}
    given(created()).when("MergePersons", asked).then_refused("self_reference")
    absorbing = given(created()).when("AbsorbPerson", {"source_person_id": ADA, "source_version": 1})
    absorbing.then_refused("self_reference")


@pytest.mark.parametrize(
    "target",
    [
        Person.new(GRACE),
        *(person_after(*past_of(status), person_id=GRACE) for status in ("Draft", "Suspended", "Archived", "Deceased")),
        merged_grace(into=THIRD),
        grace(PENDING),
        grace(PENDING, PersonErased(request_id=THIRD)),
    ],
    ids=["absent", "draft", "suspended", "archived", "deceased", "merged", "erasure pending", "erased"],
)
def test_a_target_has_to_be_active_and_stay(target: Person) -> None:
    given(created()).when("MergePersons", TO_GRACE, others=[target]).then_refused("merge_target_unfit", target=GRACE)


@pytest.mark.parametrize("place", ["resolved", "data.resolved", "data.target", "data.source"])
def test_a_client_cannot_say_what_another_person_is_like(place: str) -> None:
    facts = {"exists": True, "status": "Active"}
    for name, data in (("MergePersons", TO_GRACE), ("AbsorbPerson", {"source_person_id": GRACE, "source_version": 1})):
        document = envelope(name, data)
        *inside, field = place.split(".")
        (document["data"] if inside else document)[field] = facts
        with pytest.raises(Refused) as refused:
            read(document)
        assert (refused.value.code, refused.value.facts["field"]) == ("invalid_command", place)


def absorbing(source: Person | None, *past: EventData, version: int = 1, **attributes: Any) -> Any:
    """Ada, after a past, is asked to absorb Grace."""
    data = {"source_person_id": GRACE, "source_version": version}
    others = [] if source is None else [source]
    return given(created(), *past).when("AbsorbPerson", data, others=others, **attributes)


def absorbed(
    source: Person, moved: dict[str, str] | None = None, skipped: dict[str, str] | None = None
) -> PersonAbsorbed:
    def pairs(found: dict[str, str] | None) -> tuple[AbsorbedComponent, ...]:
        return tuple(AbsorbedComponent(source_component_id=a, component_id=b) for a, b in (found or {}).items())

    return PersonAbsorbed(
        source_person_id=GRACE, source_version=source.version, moved=pairs(moved), skipped=pairs(skipped)
    )


@pytest.mark.parametrize(
    ("source", "version"),
    [(None, 1), (grace(), 1), (merged_grace(into=THIRD), 1), (merged_grace(), 3)],
    ids=["absent", "not merged", "merged into another", "older than said"],
)
def test_only_what_was_merged_into_the_person_is_absorbed(source: Any, version: int) -> None:
    absorbing(source, version=version).then_refused("absorb_source_invalid", source=GRACE)


def test_a_source_is_absorbed_once() -> None:
    source = merged_grace()
    person = absorbing(source).then(absorbed(source))
    assert person.absorbed == {GRACE}
    again = given(person).when(
        "AbsorbPerson", {"source_person_id": GRACE, "source_version": 1}, others=[source], id=uuid("again")
    )
    again.then_refused("already_absorbed", source=GRACE)


def test_the_end_of_the_redirects_absorbs() -> None:
    source = merged_grace(into=THIRD)
    between = person_after(created(), MERGED, person_id=THIRD)
    data = {"source_person_id": GRACE, "source_version": 1}
    specification = given(created()).when("AbsorbPerson", data, others=[source, between])
    specification.then(absorbed(source))


@pytest.mark.parametrize("status", ["Suspended", "Archived", "Deceased"])
def test_a_target_that_has_ended_meanwhile_still_absorbs(status: str) -> None:
    source = merged_grace()
    _, *past = past_of(status)
    assert absorbing(source, *past).then(absorbed(source)).absorbed == {GRACE}


def test_a_target_that_was_merged_meanwhile_names_its_own_target() -> None:
    merged = PersonMerged(target_person_id=THIRD, merge_reason="UserRequested")
    absorbing(merged_grace(), merged).then_refused("merged_away", target=THIRD)


def test_a_target_that_is_being_erased_still_absorbs_and_an_erased_one_does_not() -> None:
    source = merged_grace()
    absorbing(source, PENDING).then(absorbed(source))
    absorbing(source, PENDING, PersonErased(request_id=THIRD)).then_refused("person_erased")


def test_of_an_erased_source_nothing_is_left() -> None:
    source = merged_grace(mail("grace@example.org"))
    erased = apply(source, recorded(PersonErased(via=ADA), source.version + 1, person_id=GRACE))
    absorbing(erased).then(absorbed(erased))


def mail(address: str, name: str = "", **fields: Any) -> ComponentAdded:
    return component("EmailAddress", name or address, email={"address": address}, **fields)


def component(
    component_type: str, name: str, *, is_primary: bool = False, is_verified: bool = False, tags: Any = (), **data: Any
) -> ComponentAdded:
    """A component with an id that a name stands for."""
    fields = {**SAMPLES[component_type], **data}
    return ComponentAdded(
        component_id=uuid(name),
        component_type=component_type,
        component_data=admitted(COMPONENT_TYPES[component_type], **fields),
        is_primary=is_primary,
        is_verified=is_verified,
        tags=tags,
    )


def copied(original: ComponentAdded, *, is_primary: bool = False) -> ComponentAdded:
    """What becomes of a component of Grace."""
    origin = Provenance(kind="Absorbed", source_person_id=GRACE, source_component_id=original.component_id)
    copy_id = derive(COMMAND, f"absorb:{original.component_id}")
    return original.model_copy(update={"component_id": copy_id, "is_primary": is_primary, "provenance": origin})


def test_components_are_copied_where_their_key_is_free() -> None:
    own = mail("SAME@example.org", "own", is_primary=True)
    same = mail("same@example.org", is_primary=True)
    other = mail("other@example.org", is_verified=True, tags=("old",))
    source = merged_grace(same, other)
    copy = copied(other)
    moved, skipped = {other.component_id: copy.component_id}, {same.component_id: own.component_id}
    person = absorbing(source, own).then(absorbed(source, moved, skipped), copy)
    assert [held.component_id for held in person.components.values() if held.is_primary] == [own.component_id]
    assert person.components[copy.component_id].is_verified


def test_the_primary_one_of_the_source_stays_so_where_the_person_has_none_of_the_type() -> None:
    first, second = sorted((mail("a@example.org"), mail("b@example.org")), key=lambda one: one.component_id)
    source = merged_grace(first, second.model_copy(update={"is_primary": True}))
    copies = copied(first), copied(second, is_primary=True)
    moved = {first.component_id: copies[0].component_id, second.component_id: copies[1].component_id}
    person = absorbing(source).then(absorbed(source, moved), *copies)
    assert [held.is_primary for held in person.components_of("EmailAddress")].count(True) == 1


def test_a_relationship_to_the_target_is_left_out_and_its_place_as_primary_goes_to_the_next() -> None:
    to_ada = component("Relationship", "to ada", is_primary=True, other_person_id=ADA)
    to_third = component("Relationship", "to third", other_person_id=THIRD)
    source = merged_grace(to_ada, to_third)
    copy = copied(to_third, is_primary=True)
    absorbing(source).then(absorbed(source, {to_third.component_id: copy.component_id}), copy)


def test_the_one_of_a_single_type_stays() -> None:
    own = component("GeneralPreferences", "own", theme="Dark")
    theirs = component("GeneralPreferences", "theirs", theme="Light")
    source = merged_grace(theirs)
    absorbing(source, own).then(absorbed(source, None, {theirs.component_id: own.component_id}))


def test_what_cannot_be_read_stays_behind_and_what_is_raw_is_copied_as_it_is() -> None:
    raw = ComponentAdded(component_id=uuid("raw"), component_type="EmailAddress", component_data={"email": "old"})
    gone = ComponentAdded(component_id=uuid("gone"), component_type="Skill", component_data=REDACTED)
    source = merged_grace(raw, gone)
    copy = copied(raw, is_primary=True)
    absorbing(source).then(absorbed(source, {raw.component_id: copy.component_id}), copy)


def consent(consent_type: Any, granted: bool) -> ConsentRecorded:
    return ConsentRecorded(consent_type=consent_type, granted=granted, terms_version="1")


BEHAVIOUR = component("BehavioralData", "behaviour", is_primary=True)


def test_consents_are_taken_over_where_there_is_none_and_a_refusal_wins() -> None:
    ours = (consent("marketing", True), consent("analytics", False))
    theirs = (consent("marketing", False), consent("analytics", True), consent("third_party_sharing", True))
    source = merged_grace(*theirs)
    person = absorbing(source, *ours).then(
        absorbed(source), consent("marketing", False), consent("third_party_sharing", True)
    )
    granted = {name for name, held in person.consents.items() if held.granted}
    assert granted == {"third_party_sharing"}


def test_a_refusal_of_profiling_that_comes_with_the_source_removes_what_is_known_of_behaviour() -> None:
    source = merged_grace(consent("profiling", False))
    gone = ComponentRemoved(component_id=BEHAVIOUR.component_id, component_type="BehavioralData")
    person = absorbing(source, consent("profiling", True), BEHAVIOUR).then(
        absorbed(source), consent("profiling", False), gone
    )
    assert not person.components


def test_behaviour_is_taken_over_only_with_consent() -> None:
    theirs = (consent("profiling", True), BEHAVIOUR)
    source = merged_grace(*theirs)
    copy = copied(BEHAVIOUR, is_primary=True)
    taken = absorbed(source, {BEHAVIOUR.component_id: copy.component_id})
    absorbing(source).then(taken, consent("profiling", True), copy)
    absorbing(source, consent("profiling", False)).then(absorbed(source))


def test_links_that_the_person_lacks_are_taken_over() -> None:
    post = {"organization_id": "o-1", "role": "Analyst"}
    theirs = (
        IdentityLinked(identity_id="i-1", identity_type="passport", verification_level="Document"),
        IdentityLinked(identity_id="i-2", identity_type="passport", verification_level="Fully"),
        LocationAssigned(location_id="l-1", location_type="Work", is_primary=True),
        EmploymentAdded(employment_id=uuid("open"), **post, is_primary=True),
        EmploymentAdded(employment_id=uuid("ended"), **post, end_date=date(2020, 1, 1)),
        AgentAssigned(agent_id="a-1", agent_type="assistant", assignment="Shared", permissions=("read",)),
    )
    source = merged_grace(*theirs)
    openly, ended = sorted(theirs[3:5], key=lambda one: one.employment_id)
    absorbing(source).then(absorbed(source), *theirs[:3], openly, ended, theirs[5])
    ours = (
        IdentityLinked(identity_id="i-1", identity_type="passport", verification_level="Unverified"),
        LocationAssigned(location_id="l-2", location_type="Work", is_primary=True),
        EmploymentAdded(employment_id=uuid("ours"), **post),
        AgentAssigned(agent_id="a-2", agent_type="assistant", assignment="Exclusive"),
    )
    person = absorbing(source, *ours).then(
        absorbed(source), theirs[1], theirs[2].model_copy(update={"is_primary": False}), theirs[4]
    )
    assert person.identities["i-1"].verification_level == "Unverified"


HEIGHT = AttributeRecorded(
    attribute_id=uuid("height"),
    attribute_type="Physical",
    name="height",
    value=LengthValue(type="Length", value=1.7),
    valid_from=date(2020, 1, 1),
    provenance=AttributeProvenance(source="Measured", confidence="Certain"),
)


def title(name: str, **fields: Any) -> TitleAwarded:
    return TitleAwarded(title_id=uuid(name), title=name, title_type="Academic", **fields)


def test_titles_and_attributes_that_the_person_lacks_are_taken_over() -> None:
    revoked = TitleRevoked(title_id=uuid("Dr"), revoked_date=date(2021, 1, 1))
    source = merged_grace(title("Dr"), revoked, title("MSc"), HEIGHT)
    titles = [(title("Dr"), revoked), (title("MSc"),)]
    ordered = [data for group in sorted(titles, key=lambda group: group[0].title_id) for data in group]
    person = absorbing(source).then(absorbed(source), *ordered, HEIGHT)
    assert not person.titles[uuid("Dr")].is_valid_on(NOW.date())
    same = title("MSc").model_copy(update={"title_id": uuid("another MSc")})
    equal = HEIGHT.model_copy(update={"attribute_id": uuid("same height")})
    absorbing(source, same, title("Dr"), equal).then(absorbed(source))


def test_an_attribute_that_is_true_is_not_the_one_that_is_one() -> None:
    true, one = (
        HEIGHT.model_copy(
            update={"attribute_id": uuid(str(value)), "value": JsonDocumentValue(type="Json", value=value)}
        )
        for value in (True, 1)
    )
    source = merged_grace(true)
    absorbing(source, one).then(absorbed(source), true)


def test_open_holds_are_placed_again() -> None:
    theirs = (
        LegalHoldPlaced(hold_id=uuid("open"), reason="lawsuit"),
        LegalHoldPlaced(hold_id=uuid("over"), reason="lawsuit", until=date(2026, 1, 4)),
    )
    source = merged_grace(*theirs)
    person = absorbing(source).then(
        absorbed(source), LegalHoldPlaced(hold_id=uuid("open"), reason="hold on an absorbed person")
    )
    given(person).when("RequestErasure", {"legal_basis": "DataSubjectRequest"}).then_refused("legal_hold")


def test_nothing_of_the_target_is_overwritten() -> None:
    source = merged_grace(mail("grace@example.org", is_primary=True))
    before = given(created(), mail("ada@example.org", is_primary=True)).person
    specification = given(before).when(
        "AbsorbPerson", {"source_person_id": GRACE, "source_version": 1}, others=[source]
    )
    after = specification.then(*(event.data for event in specification.events))
    assert after.components.items() >= before.components.items()
    assert (after.name, after.birth_date) == (before.name, before.birth_date)


def test_an_archived_person_is_absorbed_into_nobody() -> None:
    archived = grace(PersonArchived(reason="left"))
    absorbing(archived).then_refused("absorb_source_invalid")


def test_the_facts_are_no_part_of_the_message() -> None:
    asked = command("MergePersons", TO_GRACE, others=[grace()])
    assert asked.resolved is not None
    assert "resolved" not in asked.model_dump()
