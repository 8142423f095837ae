"""A merge is refused where its target could not take over what the source has: behind the merge nothing could be mended."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from agents.state_limits import MAX_TAKEN_OVER, check_limits
from domain.components.catalogue import COMPONENT_TYPES
from domain.decide import decide
from domain.event_data.component import ComponentAdded
from domain.evolve import apply
from domain.person import Person, dump_state
from domain.refusals import Refused
from tests.domain.specification import ADA, GRACE, admitted, command, created, person_after, recorded, uuid


def with_addresses(person_id: str, count: int, name: str) -> Person:
    return more_addresses(person_after(created(), person_id=person_id), count, name)


def more_addresses(person: Person, count: int, name: str) -> Person:
    for number in range(count):
        added = ComponentAdded(
            component_id=uuid(f"{name} {number}"),
            component_type="EmailAddress",
            component_data=admitted(COMPONENT_TYPES["EmailAddress"], email={"address": f"{name}{number}@example.org"}),
            is_primary=not person.components,
        )
        person = apply(person, recorded(added, person.version + 1, person_id=person.person_id))
    return person


def decided(name: str, data: dict[str, Any], person: Person, other: Person, max_state_bytes: int) -> Person:
    """The person behind a command that passes the limits."""
    command_id = uuid(f"{name} at {person.version}")
    asked = command(name, data, others=[other], subject=person.person_id, id=command_id)
    events = decide(asked, person)
    after = reduce(apply, events, person)
    check_limits(asked, events, person, after, max_state_bytes)
    return after


def merged(source: Person, target: Person, max_state_bytes: int = 1 << 20) -> Person:
    data = {"target_person_id": target.person_id, "merge_reason": "DuplicateIdentity"}
    return decided("MergePersons", data, source, target, max_state_bytes)


def absorbed(target: Person, source: Person, max_state_bytes: int) -> Person:
    data = {"source_person_id": source.person_id, "source_version": source.version}
    return decided("AbsorbPerson", data, target, source, max_state_bytes)


def test_who_has_more_than_can_be_taken_over_at_once_is_not_merged() -> None:
    target = with_addresses(GRACE, 1, "grace")
    with pytest.raises(Refused) as refused:
        merged(with_addresses(ADA, MAX_TAKEN_OVER, "ada"), target)
    assert (refused.value.code, refused.value.facts) == ("component_limit", {"limit": MAX_TAKEN_OVER})
    assert merged(with_addresses(ADA, MAX_TAKEN_OVER - 1, "ada"), target).merged_into == GRACE


def test_who_would_make_the_target_too_large_is_not_merged() -> None:
    source, target = with_addresses(ADA, 30, "ada"), with_addresses(GRACE, 30, "grace")
    room = max(len(dump_state(source)), len(dump_state(target))) + 1000
    with pytest.raises(Refused) as refused:
        merged(source, target, room)
    assert (refused.value.code, refused.value.facts["field"]) == ("component_limit", "target_person_id")
    # What the target has already is not taken over.
    assert merged(with_addresses(ADA, 30, "grace"), target, room).merged_into == GRACE


def test_what_was_merged_is_absorbed_however_much_the_target_gets_meanwhile() -> None:
    source, target = with_addresses(ADA, 30, "ada"), with_addresses(GRACE, 1, "grace")
    room = 2 * len(dump_state(source))
    source = merged(source, target, room)
    while len(dump_state(fuller := more_addresses(target, 1, f"later{target.version}"))) <= room:
        target = fuller

    after = absorbed(target, source, room)

    assert len(dump_state(after)) > room
    assert len(after.components) == len(target.components) + 30


def alone(name: str, data: dict[str, Any], person: Person, max_state_bytes: int) -> Person:
    return decided(name, data, person, person, max_state_bytes)


def tagged(person: Person, max_state_bytes: int) -> Person:
    data = {"component_type": "Tag", "data": {"label": f"tag {person.version}"}}
    return alone("AddComponent", data, person, max_state_bytes)


def tagged_without_end(person: Person, max_state_bytes: int) -> Person:
    """The person with as many tags as are accepted."""
    for _ in range(100):
        try:
            person = tagged(person, max_state_bytes)
        except Refused:
            return person
    raise AssertionError("nothing is refused")


def without_first(person: Person, max_state_bytes: int) -> Person:
    data = {"component_id": next(iter(person.components)), "component_type": "EmailAddress"}
    return alone("RemoveComponent", data, person, max_state_bytes)


def test_who_is_too_large_by_what_was_absorbed_may_get_smaller_be_corrected_and_end() -> None:
    person = with_addresses(ADA, 40, "ada")
    room = len(dump_state(person)) * 2 // 3

    smaller = without_first(person, room)
    suspended = alone("SuspendPerson", {"reason": "under review"}, smaller, room)
    archived = alone("ArchivePerson", {"reason": "no longer with us"}, suspended, room)

    assert room < len(dump_state(smaller)) < len(dump_state(person))
    assert len(archived.components) == 39


def test_who_is_too_large_grows_by_little_and_never_beyond_what_a_merge_may_leave() -> None:
    person = with_addresses(ADA, 40, "ada")
    size = len(dump_state(person))

    # Who is just below the limit does not get above it, and who is above it gets nothing large.
    with pytest.raises(Refused, match="component_limit"):
        tagged(person, size)
    profile = {"username": "ada", "languages": [f"a language {number}" for number in range(200)]}
    with pytest.raises(Refused, match="component_limit"):
        alone("AddComponent", {"component_type": "GitProfile", "data": profile}, person, size - 1)

    room = (size + 4000) * 8 // 15
    grown = tagged_without_end(person, room)
    assert size < len(dump_state(grown)) <= room * 15 // 8

    # Who is above even that, since less is allowed now, still gets smaller.
    assert len(without_first(grown, size // 4).components) == len(grown.components) - 1


def test_source_and_target_are_measured_where_they_are_many_together() -> None:
    source, target = with_addresses(ADA, 9, "ada"), with_addresses(GRACE, 8, "grace")
    room = max(len(dump_state(source)), len(dump_state(target))) + 100
    with pytest.raises(Refused) as refused:
        merged(source, target, room)
    assert (refused.value.code, refused.value.facts["field"]) == ("component_limit", "target_person_id")
