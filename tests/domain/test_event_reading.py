"""Stored events: their bytes, their subjects, and what cannot be read."""

from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import orjson
import pytest

from domain.event_catalogue import EVENTS
from domain.event_data.component import ComponentAdded, ComponentUpdated
from domain.event_data.identity import BirthDateSet
from domain.event_data.lifecycle import PersonCreated, PersonSuspended
from domain.events import read_event, write_event
from domain.personal import Redacted
from domain.subjects import (
    ALL_EVENTS,
    EventSubject,
    event_subject,
    outcome_subject,
    parse_event_subject,
    partition_filter,
    person_filter,
)
from domain.undecodable import Undecodable
from domain.values.person_name import PersonName
from tests.domain.specification import ADA, GRACE, created, recorded, uuid

SUSPENDED = recorded(PersonSuspended(reason="away"), 2, time=datetime(2026, 1, 5, 10, 0, 0, 5, tzinfo=UTC))
BYTES = (
    b'{"actor":"user:u-1","causationdepth":0,"causationid":"%(cause)s","correlationid":"%(cause)s",'
    b'"data":{"reason":"away"},"datacontenttype":"application/json","dataversion":2,"id":"%(id)s","sequence":2,'
    b'"source":"/person","specversion":"1.0","subject":"%(ada)s","time":"2026-01-05T10:00:00.000005Z",'
    b'"type":"person.suspended"}'
) % {b"cause": uuid("cause 2").encode(), b"id": uuid("event 2").encode(), b"ada": ADA.encode()}


def stored(**change: Any) -> Any:
    return orjson.dumps({**orjson.loads(BYTES), **change})


def test_an_event_has_the_specified_bytes() -> None:
    assert write_event(SUSPENDED) == BYTES
    assert read_event(BYTES) == SUSPENDED


def test_context_travels_in_the_data() -> None:
    event = SUSPENDED.model_copy(update={"context": {"tenant": "t"}})
    assert orjson.loads(write_event(event))["data"] == {"context": {"tenant": "t"}, "reason": "away"}
    assert read_event(write_event(event)) == event


def test_null_is_written_only_where_it_clears() -> None:
    event = recorded(ComponentUpdated(component_id=GRACE, changes={"last_used": None}), 2)
    assert b'"changes":{"last_used":null}' in write_event(event)
    assert write_event(event).count(b"null") == 1
    assert read_event(write_event(event)) == event


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (b"{", "undecodable"),
        (b"[]", "undecodable"),
        (stored(data=None), "undecodable"),
        (stored(data={}), "undecodable"),
        (stored(data={"reason": 1}), "undecodable"),
        (stored(sequence=0), "undecodable"),
        (stored(sequence="1"), "undecodable"),
        (stored(id="x"), "undecodable"),
        (stored(subject="x"), "undecodable"),
        (stored(time="yesterday"), "undecodable"),
        (stored(dataversion="2"), "undecodable"),
        (stored(dataversion=0), "undecodable"),
        (stored(causationid=uuid("event 2")), "undecodable"),
        (stored(causationid=uuid("event 2"), correlationid=uuid("event 2"), causationdepth=1), "undecodable"),
        (stored(data={"reason": "x", "context": 1}), "undecodable"),
        (stored(type="person.exploded"), "unknown_type"),
        (stored(type=None), "unknown_type"),
        (stored(dataversion=3), "unknown_version"),
        (stored(dataversion=1), "no_upcast_path"),
    ],
)
def test_what_cannot_be_read_has_a_cause(raw: Any, cause: Any) -> None:
    with pytest.raises(Undecodable) as unreadable:
        read_event(raw)
    assert unreadable.value.cause == cause


def test_an_event_without_version_is_of_the_first() -> None:
    document = orjson.loads(BYTES)
    del document["dataversion"]
    with pytest.raises(Undecodable, match="no_upcast_path"):
        read_event(orjson.dumps(document))


def test_an_old_event_without_origin_is_its_own_root() -> None:
    document = orjson.loads(BYTES)
    for name in ("actor", "causationid", "correlationid", "causationdepth"):
        del document[name]
    event = read_event(orjson.dumps(document))
    assert (event.actor, event.causationid, event.correlationid) == ("unknown:legacy", event.id, event.id)


def test_fields_of_a_later_writer_are_passed_over() -> None:
    assert read_event(stored(data={"reason": "away", "new": 1}, extension="x")) == SUSPENDED


def test_rules_do_not_run_on_what_is_stored() -> None:
    data = orjson.loads(write_event(recorded(created(), 1)))
    data["data"]["name"]["given_names"] = ["R2D2", ""]
    event = read_event(orjson.dumps(data))
    assert isinstance(event.data, PersonCreated)
    assert isinstance(event.data.name, PersonName)
    assert event.data.name.given_names == ("R2D2", "")


@pytest.mark.parametrize(
    ("component_type", "data"),
    [("EmailAddress", {"email": "ada@example.org"}), ("Skill", {}), ("Hologram", {"a": [None]})],
)
def test_component_data_that_does_not_fit_stays_raw(component_type: Any, data: Any) -> None:
    added = ComponentAdded(component_id=GRACE, component_type=component_type, component_data=data)
    event = recorded(added, 2)
    assert isinstance(event.data, ComponentAdded)
    assert event.data.component_data == data
    assert read_event(write_event(event)) == event


def test_a_protected_field_may_read_as_redacted() -> None:
    redacted = Redacted(**{"$redacted": "identity"})
    document = orjson.loads(write_event(recorded(created(), 1)))
    document["data"]["name"] = {"$redacted": "identity"}
    event = read_event(orjson.dumps(document))
    assert isinstance(event.data, PersonCreated)
    assert event.data.name == redacted


@pytest.mark.parametrize("partition", [None, 0, 7, 511])
def test_an_event_has_one_subject(partition: Any) -> None:
    event = recorded(BirthDateSet(birth_date=date(1815, 12, 10)), 2)
    assert event_subject(event) == f"person.events.identity.birth_date_set.{ADA}"
    subject = str(EventSubject("identity", "birth_date_set", ADA, partition))
    assert parse_event_subject(subject) == EventSubject("identity", "birth_date_set", ADA, partition)
    assert read_event(write_event(event), subject=subject) == event


def test_a_republished_event_names_only_its_kind() -> None:
    assert parse_event_subject("person.events.lifecycle.suspended") == EventSubject("lifecycle", "suspended")
    assert read_event(BYTES, subject="person.events.lifecycle.suspended") == SUSPENDED


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "person.events",
        "person.events.lifecycle",
        f"person.events.lifecycle.suspended.3.{ADA}.x",
        f"person.events.lifecycle.suspended.03.{ADA}",
        f"person.events.lifecycle.suspended.x.{ADA}",
        "person.events.lifecycle.suspended.ada",
        f"person.events.Lifecycle.suspended.{ADA}",
        f"person.events.lifecycle.*.{ADA}",
        f"person.sagas.lifecycle.suspended.{ADA}",
        f"person.events.lifecycle..{ADA}",
    ],
)
def test_other_subjects_are_not_those_of_events(subject: Any) -> None:
    with pytest.raises(ValueError, match="subject"):
        parse_event_subject(subject)


@pytest.mark.parametrize(
    "subject",
    [
        f"person.events.lifecycle.archived.3.{ADA}",
        f"person.events.lifecycle.suspended.3.{GRACE}",
        "person.events.lifecycle.created",
        "elsewhere",
    ],
)
def test_an_event_under_a_foreign_subject_is_not_read(subject: Any) -> None:
    with pytest.raises(Undecodable) as unreadable:
        read_event(BYTES, subject=subject)
    assert unreadable.value.cause == "subject_mismatch"


def matches(pattern: Any, subject: Any) -> Any:
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(tokens) >= len(wanted) and tokens[: len(wanted) - 1] == wanted[:-1]
    return len(wanted) == len(tokens) and all(w in ("*", t) for w, t in zip(wanted, tokens, strict=True))


@pytest.mark.parametrize("pattern", [ALL_EVENTS, person_filter(ADA), partition_filter(3)])
def test_a_filter_matches_every_subject_of_the_catalogue(pattern: Any) -> None:
    for spec in EVENTS.values():
        assert matches(pattern, str(EventSubject(spec.context, spec.name, ADA, 3)))


def test_every_type_has_one_subject_and_every_subject_one_type() -> None:
    subjects = {(spec.context, spec.name) for spec in EVENTS.values()}
    assert len(subjects) == len(EVENTS) == 48
    for context, name in subjects:
        assert str(parse_event_subject(f"person.events.{context}.{name}")) == f"person.events.{context}.{name}"
    for one, other in product(EVENTS.values(), repeat=2):
        assert (one.model is other.model) == (one is other)


def test_an_outcome_has_its_subject() -> None:
    assert outcome_subject(GRACE) == f"person.outcomes.{GRACE}"
