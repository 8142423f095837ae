"""Every row of the tables of old events (domain.md 9.2 and 9.3): what was stored, and what it reads as."""

from __future__ import annotations

from functools import reduce
from typing import Any

import orjson
import pytest

from domain.canonical import plain
from domain.components.catalogue import members
from domain.event_catalogue import EVENTS
from domain.events import Became, Event, read_event, write_event
from domain.evolve import apply
from domain.person import Person
from domain.subjects import event_subject
from domain.undecodable import Undecodable
from domain.upcasting.documents import upcast_document
from domain.upcasting.upcast import STEPS, WAYS, current_types
from tests.domain.old_events import ADA_PARTS, COMPONENT, ID, OLD_NAME, PART, REDACTED, ROWS, stored
from tests.domain.specification import ADA, GRACE, given, uuid


def current(document: dict[str, Any]) -> list[tuple[str, str, int, Any]]:
    """Id, type, version and data of the events that a stored one reads as."""
    return [(one["id"], one["type"], one["dataversion"], one["data"]) for one in upcast_document(document).parts]


@pytest.mark.parametrize(
    ("event_type", "version", "data", "expected"), ROWS, ids=[f"{row[0]}-v{row[1]}" for row in ROWS]
)
def test_an_old_event_reads_as_the_table_says(
    event_type: str, version: int, data: dict[str, Any], expected: list[tuple[str, int, dict[str, Any]]]
) -> None:
    assert current(stored(event_type, data, version)) == [
        (PART if part else ID, *one) for part, one in enumerate(expected)
    ]


def test_every_registered_way_has_a_row() -> None:
    assert {(row[0], row[1]) for row in ROWS} == WAYS.keys() == STEPS.keys()


def test_no_way_begins_at_a_current_version() -> None:
    assert not [key for key in WAYS if key[0] in EVENTS and EVENTS[key[0]].version <= key[1]]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}-v{row[1]}" for row in ROWS])
def test_a_way_leads_only_to_the_types_that_it_names(row: Any) -> None:
    event_type, version, _, expected = row
    assert {one[0] for one in expected} <= current_types(event_type, version)


@pytest.mark.parametrize(
    ("old", "parts"),
    [
        (
            {"given_name": "Ada", "middle_name": "King", "family_name": "Lovelace"},
            {**ADA_PARTS, "middle_names": ["King"]},
        ),
        ({**OLD_NAME, "middle_names": ["King", " "]}, {**ADA_PARTS, "middle_names": ["King"]}),
        (
            {**OLD_NAME, "preferred_name": "Countess", "suffix": "II"},
            {**ADA_PARTS, "preferred_form": "Countess", "suffixes": ["II"]},
        ),
        ({"first_name": " ", "last_name": "Lovelace"}, {"family_names": ["Lovelace"]}),
        ({"first_name": "Andre\u0301"}, {"given_names": ["Andr\u00e9"]}),
        (ADA_PARTS, ADA_PARTS),
        ({**ADA_PARTS, "naming_convention": "Klingon"}, {**ADA_PARTS, "naming_convention": "Other"}),
        ("毛 泽东", {"family_names": ["毛"], "given_names": ["泽东"], "naming_convention": "EastAsian"}),
        (" ", {"family_names": ["?"], "naming_convention": "Other"}),
        ({"first_name": ""}, {"family_names": ["?"], "naming_convention": "Other"}),
        (None, {"family_names": ["?"], "naming_convention": "Other"}),
        (REDACTED, REDACTED),
    ],
)
def test_a_name_is_read_in_parts(old: Any, parts: Any) -> None:
    [(_, _, _, data)] = current(stored("person.created", {"name": old, "source": "hr"}))
    assert data["name"] == parts


def read(document: dict[str, Any], **subject: str) -> Event:
    return read_event(orjson.dumps(document), **subject)


def test_an_event_without_version_is_of_the_first_one() -> None:
    event = read(stored("person.deactivated", {"reason": "away", "deactivated_at": "2020-01-02T03:04:05Z"}, None))
    assert (event.type, event.dataversion, event.actor, event.causationid) == (
        "person.suspended",
        2,
        "unknown:legacy",
        ID,
    )


@pytest.mark.parametrize(
    ("said", "envelope", "time"),
    [
        ("2020-01-02T03:04:05Z", None, "2020-01-02T03:04:05+00:00"),
        ("2020-01-02T03:04:05.123456789+02:00", None, "2020-01-02T01:04:05.123456+00:00"),
        ("2020-01-02T03:04:05Z", "2021-01-02T03:04:05Z", "2021-01-02T03:04:05+00:00"),
    ],
)
def test_the_moment_in_the_data_counts_when_the_envelope_has_none(said: str, envelope: str | None, time: str) -> None:
    attributes: dict[str, Any] = {} if envelope is None else {"time": envelope}
    for event_type, data in (
        ("person.deactivated", {"reason": "away", "deactivated_at": said}),
        ("person.name_updated", {"old_name": "Ada", "new_name": "Ada", "updated_at": said}),
    ):
        assert read(stored(event_type, data, **attributes)).time.isoformat() == time


def test_a_person_in_the_data_must_be_that_of_the_envelope() -> None:
    data = {"reason": "away", "person_id": ADA}
    time = "2020-01-02T03:04:05Z"
    assert read(stored("person.deactivated", data, time=time)).person_id == ADA
    with pytest.raises(Undecodable, match="subject_mismatch"):
        read(stored("person.deactivated", {**data, "person_id": GRACE}, time=time))


SPLIT = stored(
    "person.component_data_updated",
    {"component_id": COMPONENT, "data": {"a": 1}, "context": {"tenant": "t"}},
    time="2020-01-02T03:04:05Z",
    sequence=2,
)
DROPPED = stored(
    "person.name_updated", {"old_name": "Ada", "new_name": "Ada"}, time="2020-01-02T03:04:05Z", sequence=3, id=PART
)
CREATED = stored("person.created", {"name": OLD_NAME, "source": "hr"}, time="2020-01-01T00:00:00Z", id=GRACE)


def test_parts_of_one_stored_event_share_its_envelope() -> None:
    event = read(SPLIT)
    assert isinstance(event.data, Became)
    assert [part.id for part in event.parts] == [ID, PART]
    shared = ("person_id", "sequence", "time", "actor", "correlationid", "causationid", "context")
    for part in event.parts:
        assert part.context == {"tenant": "t"}
        assert [getattr(part, name) for name in shared[:-1]] == [getattr(event, name) for name in shared[:-1]]


def test_a_stored_event_advances_the_version_by_one_whatever_it_became() -> None:
    events = [read(document) for document in (CREATED, SPLIT, DROPPED)]
    person = reduce(apply, events, Person.new(ADA))
    assert person.version == 3
    assert list(person.components) == [COMPONENT]
    assert [count for _, _, count in person.recent] == [1, 1, 1]
    assert reduce(apply, events, person) is person


def test_a_component_type_under_an_old_name_is_the_same_type_in_every_version() -> None:
    at = "2020-01-02T03:04:05Z"
    registered = stored("person.component_registered", {"component_type": "Email"}, sequence=2, id=PART, time=at)
    removed = stored("person.component_removed", {"component_type": "Email"}, 2, sequence=3, time=at)
    before, held, gone = (
        reduce(apply, map(read, documents), Person.new(ADA))
        for documents in ((CREATED,), (CREATED, registered), (CREATED, registered, removed))
    )
    assert [one.component_type for one in held.components.values()] == ["EmailAddress"]
    assert before.components == gone.components == {}
    assert gone.retired_components == frozenset(held.components)


@pytest.mark.parametrize(
    ("document", "subjects"),
    [
        (CREATED, {"lifecycle.created"}),
        (SPLIT, {"component.added", "component.updated"}),
        (DROPPED, {"identity.updated"}),
        (stored("person.merged_into", {"merged_into_id": GRACE}, time="2020-01-02T03:04:05Z"), {"lifecycle.merged"}),
    ],
)
def test_an_old_event_is_stored_under_the_subject_of_what_it_became(document: Any, subjects: set[str]) -> None:
    for spec in EVENTS.values():
        subject = f"person.events.{spec.context}.{spec.name}.0.{ADA}"
        if f"{spec.context}.{spec.name}" in subjects:
            event = read(document, subject=subject)
            assert event.person_id == ADA
            assert all(event_subject(part).startswith("person.events.") for part in event.parts)
        else:
            with pytest.raises(Undecodable, match="subject_mismatch"):
                read(document, subject=subject)


@pytest.mark.parametrize(
    ("document", "cause"),
    [
        (stored("person.teleported", {}), "unknown_type"),
        (stored("person.updated", {}, 2), "unknown_version"),
        (stored("person.created", {}, 4), "unknown_version"),
        (stored("person.suspended", {"reason": "x"}, 1), "no_upcast_path"),
        (stored("person.component_added", {}, 1), "no_upcast_path"),
        (stored("person.updated", {}, id="x"), "undecodable"),
        (stored("person.updated", {}, subject=None), "undecodable"),
        (stored("person.updated", {"name": "Ada"}), "undecodable"),  # without a time
        (stored("person.deactivated", {}, time="2020-01-02T03:04:05Z"), "undecodable"),
    ],
)
def test_what_has_no_way_up_is_an_error_with_a_cause(document: Any, cause: str) -> None:
    with pytest.raises(Undecodable) as refused:
        read(document)
    assert refused.value.cause == cause


def test_text_that_nobody_may_send_any_more_stops_neither_the_fold_nor_a_decision() -> None:
    skill = {"component_id": COMPONENT, "name": "Rust\nlang", "category": "Programming", "proficiency": "Beginner"}
    past = [
        stored(
            "person.created", {"name": {"first_name": "A\x01da", "last_name": "Lovelace"}, "source": "hr"}, id=uuid("1")
        ),
        stored("person.skill_added", skill, id=uuid("2"), sequence=2),
        stored(
            "person.skill_updated",
            {"component_id": COMPONENT, "changes": {"proficiency": "Expert", "last_used": "2020-01-01"}},
            id=uuid("3"),
            sequence=3,
        ),
    ]
    events = [read_event(orjson.dumps({"time": "2020-01-01T00:00:00Z", **one})) for one in past]
    person = reduce(apply, events, Person.new(ADA))
    assert members(person.components[COMPONENT].data)["proficiency"] == "Expert"

    # What a decision repeats of it is written in a form that may be read again.
    (renamed,) = given(person).when("UpdatePerson", {"name": "Ada King"}).events
    written = read_event(write_event(renamed))
    assert plain(written.data) == plain(renamed.data)
    endorsed = given(person).when("EndorseSkill", {"component_id": COMPONENT, "endorser_id": GRACE})
    assert [event.type for event in endorsed.events] == ["person.skill_endorsed"]


def test_a_name_that_nobody_may_send_any_more_can_be_changed() -> None:
    long = {"given_names": ["Ada" * 100], "family_names": ["Lovelace" * 50]}
    document = stored("person.created", {"name": long, "source": "hr"}, time="2020-01-01T00:00:00Z")
    person = apply(Person.new(ADA), read_event(orjson.dumps(document)))
    (renamed,) = given(person).when("UpdatePerson", {"name": "Ada King"}).events
    assert write_event(read_event(write_event(renamed))) == write_event(renamed)


@pytest.mark.parametrize("mark", [None, False, "no group"])
def test_data_that_only_looks_redacted_stays_as_it_is(mark: object) -> None:
    past = [
        stored("person.created", {"name": OLD_NAME, "source": "hr"}),
        stored("person.component_data_updated", {"component_id": COMPONENT, "data": {"$redacted": mark}}, sequence=2),
    ]
    events = [read_event(orjson.dumps({"time": "2020-01-01T00:00:00Z", **one})) for one in past]
    person = reduce(apply, events, Person.new(ADA))
    assert members(person.components[COMPONENT].data)["name"] == COMPONENT
