"""Saga events and states: bytes, subjects, ids, correlation, and tolerance for what a later version writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from domain.envelope import correlation_fault
from domain.ids import derive, saga_id_of
from domain.person import Person
from domain.refusals import Refused
from domain.sagas.catalogue import SAGAS
from domain.sagas.effects import command_id_of
from domain.sagas.engine import awaited_types, park, react, start, starting_types
from domain.sagas.evolve import evolve, fold
from domain.sagas.inputs import PersonEventInput, RetryInput, SignalInput
from domain.sagas.saga_events import (
    SagaEvent,
    read_saga_event,
    saga_event_subject,
    saga_filter,
    saga_of_subject,
    sagas_of_partition_filter,
    write_saga_event,
)
from domain.sagas.timers import read_timer
from domain.times import format_instant
from domain.undecodable import Undecodable
from tests.domain.sagas.world import SYNC, World
from tests.domain.specification import ADA, onboarding_started, recorded, uuid

SAGA_ID = saga_id_of(f"onboarding:{ADA}:1")


def begun() -> World:
    world = World()
    world.neighbours = lambda _: "silent"
    world.create(onboarding=True)
    world.settle()
    return world


def changed(event: SagaEvent, **members: Any) -> bytes:
    document = orjson.loads(write_saga_event(event))
    return orjson.dumps({**document, **members})


def test_ids_are_derived_from_the_business_key_and_the_sequence() -> None:
    events = begun().log[SAGA_ID]
    assert [event.id for event in events] == [derive(SAGA_ID, "1"), derive(SAGA_ID, "2")]


def test_a_command_has_an_id_for_its_step_direction_round_and_number() -> None:
    assert command_id_of(SAGA_ID, "IdentityStep", "forward", 1, 0) == derive(SAGA_ID, "IdentityStep/do/1/0")
    assert command_id_of(SAGA_ID, "IdentityStep", "undo", 2, 1) == derive(SAGA_ID, "IdentityStep/undo/2/1")
    assert list(begun().sent) == [derive(SAGA_ID, "IdentityStep/do/1/0")]


def test_the_bytes_say_whose_saga_it_is() -> None:
    document = orjson.loads(write_saga_event(begun().log[SAGA_ID][0]))
    assert {name: document[name] for name in ("type", "source", "subject", "partitionkey", "saga", "sequence")} == {
        "type": "person.saga.started",
        "source": "/person/saga",
        "subject": SAGA_ID,
        "partitionkey": ADA,
        "saga": "onboarding",
        "sequence": 1,
    }
    assert document["data"]["business_key"] == f"onboarding:{ADA}:1"


def test_subjects_have_six_tokens_published_and_seven_stored() -> None:
    event = begun().log[SAGA_ID][0]
    subject = saga_event_subject(event)
    assert subject == f"person.sagas.onboarding.started.{ADA}.{SAGA_ID}"
    stored = f"person.sagas.onboarding.started.7.{ADA}.{SAGA_ID}"
    assert saga_of_subject(subject) == saga_of_subject(stored) == (ADA, SAGA_ID)
    for pattern in (saga_filter(SAGA_ID), sagas_of_partition_filter(7)):
        tokens = zip(pattern.split("."), stored.split("."), strict=True)
        assert all(wanted in ("*", token) for wanted, token in tokens)


@pytest.mark.parametrize(
    "subject",
    [
        f"person.sagas.onboarding.started.7.{ADA}.{ADA}",
        f"person.sagas.onboarding.failed.7.{ADA}.{SAGA_ID}",
        f"person.sagas.merge.started.7.{ADA}.{SAGA_ID}",
        f"person.events.onboarding.started.7.{ADA}.{SAGA_ID}",
        "person.sagas",
    ],
)
def test_an_event_under_another_subject_is_not_read(subject: str) -> None:
    with pytest.raises(Undecodable) as error:
        read_saga_event(write_saga_event(begun().log[SAGA_ID][0]), subject=subject)
    assert error.value.cause == "subject_mismatch"


@pytest.mark.parametrize("subject", ["person.sagas.onboarding.started", f"person.sagas.x.flew.{ADA}.{SAGA_ID}", ""])
def test_other_subjects_name_no_saga(subject: str) -> None:
    with pytest.raises(ValueError, match="subject"):
        saga_of_subject(subject)


@pytest.mark.parametrize(
    ("members", "cause"),
    [
        ({"type": "person.saga.sung"}, "unknown_type"),
        ({"dataversion": 2}, "unknown_version"),
        ({"data": 3}, "undecodable"),
        ({"data": {}}, "undecodable"),
        ({"subject": "nobody"}, "undecodable"),
        ({"causationid": derive(SAGA_ID, "1")}, "undecodable"),
    ],
)
def test_what_cannot_be_read_says_why(members: dict[str, Any], cause: str) -> None:
    with pytest.raises(Undecodable) as error:
        read_saga_event(changed(begun().log[SAGA_ID][0], **members))
    assert error.value.cause == cause


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff"])
def test_what_is_no_object_is_undecodable(raw: bytes) -> None:
    for read in (read_saga_event, read_timer):
        with pytest.raises(Undecodable):
            read(raw)


def test_members_that_a_later_version_adds_are_passed_over() -> None:
    event = begun().log[SAGA_ID][0]
    document = orjson.loads(write_saga_event(event))
    document["data"]["colour"] = "blue"
    assert read_saga_event(orjson.dumps({**document, "shape": "round"})) == event


def test_a_saga_lives_on_when_one_of_its_events_cannot_be_read() -> None:
    first, second = begun().log[SAGA_ID]
    later = second.model_copy(update={"sequence": 3, "id": derive(SAGA_ID, "3")})
    saga = fold([first, later])
    assert saga is not None
    assert (saga.version, saga.step) == (3, "IdentityStep")


def test_a_saga_whose_start_cannot_be_read_is_parked_and_visible() -> None:
    second = begun().log[SAGA_ID][1]
    saga = evolve(None, second)
    assert (saga.status, saga.error, saga.is_parked, saga.person_id) == ("Failed", "unreadable_start", True, ADA)
    with pytest.raises(Refused):
        react(saga, RetryInput(reason="again", **World().stamp("retry")), Person.new(ADA))


def test_an_input_that_raises_parks_its_saga_until_somebody_retries() -> None:
    world = begun()
    saga = world.only()
    given = SignalInput(signal="identity.undone", **world.stamp("bad"))
    parked = fold(park(saga, given, "KeyError"), saga)
    assert parked is not None
    assert (parked.is_parked, parked.error, parked.step) == (True, "KeyError", "IdentityStep")
    assert park(parked, given, "KeyError") == ()
    world.sagas[SAGA_ID] = parked
    world.log[SAGA_ID].extend(park(saga, given, "KeyError"))
    world.timers.clear()
    world.retry(SAGA_ID)
    assert (world.only().status, world.only().step, world.only().round) == ("Running", "IdentityStep", 2)


def test_only_the_timer_that_was_set_last_counts() -> None:
    world = begun()
    body = read_timer(world.timers[SAGA_ID].raw)
    assert (body.saga_id, body.person_id, body.step, body.round, body.attempt, body.sequence) == (
        *(SAGA_ID, ADA, "IdentityStep", 1, 1),
        2,
    )
    assert world.timers[SAGA_ID].at == world.now + timedelta(days=7)


@pytest.mark.parametrize("name", ["saga_id", "person_id", "step", "round", "attempt", "sequence"])
def test_a_timer_without_one_of_its_members_is_undecodable(name: str) -> None:
    document = orjson.loads(begun().timers[SAGA_ID].raw)
    del document[name]
    with pytest.raises(Undecodable, match=name):
        read_timer(orjson.dumps(document))


def test_imports_start_no_saga() -> None:
    event = recorded(onboarding_started(), 2, actor="import:hr")
    assert start(PersonEventInput.of(event), Person.new(ADA)) is None


def test_other_events_start_no_saga() -> None:
    world = begun()
    event = recorded(onboarding_started(), 2)
    assert event.type in starting_types()
    assert starting_types() == {"person.onboarding_started", "person.merged", "person.erasure_requested"}
    assert starting_types() < awaited_types()
    assert world.only().saga in SAGAS


def test_time_limits_can_be_set_for_a_trial() -> None:
    event = recorded(onboarding_started(), 2)
    limits = {"onboarding/IdentityStep": timedelta(seconds=3)}
    started = start(PersonEventInput.of(event), Person.new(ADA), timeouts=limits)
    assert started is not None
    saga = fold(started[1])
    assert saga is not None
    assert saga.deadline == event.time + timedelta(seconds=3)


def test_deadlines_count_from_when_a_saga_reacts_and_events_from_when_something_happened() -> None:
    event = recorded(onboarding_started(), 2)
    late = event.time + timedelta(days=30)
    started = start(PersonEventInput.of(event, reacted_at=late), Person.new(ADA))
    assert started is not None
    assert {one.time for one in started[1]} == {event.time}
    saga = fold(started[1])
    assert saga is not None
    assert saga.deadline == late + timedelta(days=7)


def test_causes_lead_back_to_the_start_within_a_correlation_and_the_depth_stays() -> None:
    world = World()
    world.create()
    world.neighbours = lambda command: "silent" if command.endswith("associate_person") else "answer"
    saga_id = world.start_saga("cross_domain_sync", SYNC, "k-1")
    world.settle(timers=True)
    events = world.log[saga_id]
    known = {given.id for _, given in world.delivered} | {event.id for event in events} | {world.only().started_by}
    for event in events:
        assert correlation_fault(event.id, event.correlationid, event.causationid, event.causationdepth) is None
        assert event.causationid in known
    by_id = {event.id: event for event in events}
    for document in map(orjson.loads, world.sent.values()):
        cause = by_id[document["causationid"]]
        assert (document["correlationid"], document["causationdepth"]) == (cause.correlationid, world.only().depth + 1)
        assert (document["actor"], document["time"]) == ("saga:cross_domain_sync", format_instant(cause.time))
    timed = [event for event in events if event.actor == "saga:cross_domain_sync"]
    assert timed, "what a timer brings about is the saga's own doing"
    assert all(by_id[event.causationid].correlationid == event.correlationid for event in timed)


def test_inputs_with_one_id_count_once() -> None:
    world = begun()
    step = world.only()
    given = SignalInput(signal="identity.rejected", **world.stamp("no"))
    world.hand_over(SAGA_ID, given)
    after = world.only()
    assert after.version > step.version
    world.hand_over(SAGA_ID, given)
    assert world.only() is after
    assert uuid("no") in after.recent


def test_a_step_that_no_definition_has_raises_and_the_saga_can_be_parked() -> None:
    world = begun()
    given = SignalInput(signal="identity.rejected", **world.stamp("no"))
    for stranger in (
        world.only().model_copy(update={"step": "SongStep"}),
        world.only().model_copy(update={"saga": "singing"}),
    ):
        with pytest.raises(KeyError):
            react(stranger, given, world.persons[ADA])
        parked = fold(park(stranger, given, "KeyError"), stranger)
        assert parked is not None
        assert parked.is_parked
