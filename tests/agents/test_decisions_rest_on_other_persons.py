"""Decisions that rest on another person look it up in JetStream, and one decision is one atomic batch however many events it has."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from nats.aio.client import Client

from agents import decide_person, state_limits
from agents.merge_intents import MergeIntents, intent_subject
from agents.reading import Arrival, EventLog
from agents.state_limits import MAX_TAKEN_OVER
from bridge import read
from bridge.append import EntityAppend, append_each
from bridge.errors import AppendRefusedError
from config import streams
from domain.events import Event
from domain.partitions import partition_of
from ops.client import CommandMessage

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P, PARTITIONS = 3, 8


def elsewhere() -> str:
    """The id of a person of another partition."""
    while partition_of(person_id := str(uuid.uuid4()), PARTITIONS) == P:
        pass
    return person_id


def merge(source: str, target: str, **fields: Any) -> CommandMessage:
    data = {"target_person_id": target, "merge_reason": "DuplicateIdentity"}
    return CommandMessage("person.commands.merge", data, source, **fields)


def absorb(target: str, source: str, source_version: int = 1) -> CommandMessage:
    data = {"source_person_id": source, "source_version": source_version}
    return CommandMessage("person.commands.lifecycle.absorb", data, target, actor="saga:test")


def git_profile(person_id: str, languages: int, username: str = "ada") -> CommandMessage:
    data = {"username": username, "languages": [f"{username} {number}" for number in range(languages)]}
    return CommandMessage("person.commands.component.add", {"component_type": "GitProfile", "data": data}, person_id)


def analyze(person_id: str) -> CommandMessage:
    return CommandMessage("person.commands.skills.analyze", {}, person_id)


async def events_of(persons: Persons, person_id: str) -> list[Event]:
    return [event async for event, _ in EventLog(persons.nc).events(person_id)]


async def test_a_target_of_another_partition_is_known_without_any_table(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), elsewhere()
    await persons.append(ada, "Ada")
    early = merge(ada, grace)

    [refused] = await worker.decide(early)
    await persons.append(grace, "Grace")
    [accepted] = await worker.decide(merge(ada, grace))

    assert (refused["code"], refused["facts"]) == ("merge_target_unfit", {"target": grace})
    assert [event["type"] for event in accepted["events"]] == ["person.merged"]


async def test_of_two_persons_that_are_merged_into_each_other_in_one_cycle_one_stays(
    persons: Persons, worker: Worker
) -> None:
    ada, grace, third = persons.new(), persons.new(), persons.new()
    await worker.decide(persons.create(ada, "Ada"), persons.create(grace, "Grace"))

    # The third is created in this cycle; who is merged into it comes behind that.
    into_each_other = merge(ada, grace), merge(grace, ada)
    outcomes = await worker.decide(*into_each_other, persons.create(third, "Third"), merge(grace, third))

    assert [(one["status"], one.get("code"), one["person_id"]) for one in outcomes] == [
        ("accepted", None, ada),
        ("refused", "merge_target_unfit", grace),
        ("accepted", None, third),
        ("accepted", None, grace),
    ]


async def test_a_target_that_another_lane_may_merge_away_is_not_decided_on_until_that_is_known(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), elsewhere()
    await worker.decide(persons.create(ada, "Ada"))
    await persons.append(grace, "Grace")
    other_lane = MergeIntents(persons.nc)
    await other_lane.announce(grace, "a command of another lane")

    asked = merge(ada, grace)
    [contested] = await worker.decide(asked)
    await other_lane.withdraw(grace)
    [accepted] = await worker.decide(asked)

    assert (contested["status"], contested["code"]) == ("failed", "conflict")
    assert accepted["status"] == "accepted"
    # What this lane has announced is taken back each time.
    held = await read.last_message(persons.nc, streams.POSITIONS, intent_subject(ada))
    assert held is not None
    assert held.data == b""


@pytest.mark.parametrize("is_merged", [False, True], ids=["the target is announced", "the target is merged"])
async def test_a_merge_whose_append_is_not_answered_stays_announced_until_it_is_stored(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch, is_merged: bool
) -> None:
    ada = persons.new()
    while (grace := elsewhere()) > ada:
        pass
    await worker.decide(persons.create(ada, "Ada"))
    await persons.append(grace, "Grace")
    other_lane = MergeIntents(persons.nc)
    tries = 0

    async def unanswered_once(nc: Client, entities: Sequence[EntityAppend]) -> list[int | AppendRefusedError]:
        nonlocal tries
        tries += 1
        if tries > 1:
            return await append_each(nc, entities)
        # It may be stored any time from now on. Ada, with the higher id, would have to give way if it was asked again.
        await other_lane.announce(grace, "a command of another lane")
        if is_merged:
            await persons.append_raw(grace, merged_event(grace), "person.events.lifecycle.merged")
        raise TimeoutError

    monkeypatch.setattr(decide_person, "append_each", unanswered_once)
    [outcome] = await worker.decide(merge(ada, grace))

    held = await read.last_message(persons.nc, streams.POSITIONS, intent_subject(ada))
    assert held is not None
    if is_merged:
        assert (outcome["status"], outcome["code"]) == ("refused", "merge_target_unfit")
        assert held.data == outcome["command_id"].encode()
    else:
        assert (outcome["status"], tries) == ("accepted", 2)
        assert held.data == b""


async def test_another_person_is_looked_up_again_when_the_append_has_lost_its_race(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    decider = worker.decider(log=(log := EndingLog(persons, grace, ada)))
    await worker.decide(persons.create(ada, "Ada"), persons.create(grace, "Grace"), decider=decider)
    # Grace refers to another person while the decision on Ada is taken, and Ada moves, too.
    log.armed = True

    [refused] = await worker.decide(merge(ada, grace), decider=decider)

    assert (refused["status"], refused["code"], refused["version"]) == ("refused", "merge_target_unfit", 2)
    assert await persons.sequences(ada) == [1, 2]


async def test_a_worker_that_was_replaced_decides_nothing_on_other_persons(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), elsewhere()
    await persons.append(grace, "Grace")
    decider = worker.decider()
    await worker.decide(persons.create(ada, "Ada"), decider=decider)

    # Its successor may have refused the command while Grace was not there yet; that leaves nothing in the stream.
    await worker.decide_after_a_take_over(merge(ada, grace), decider=decider)

    assert await persons.sequences(ada) == [1]


async def test_an_unreadable_event_of_the_other_person_fails_this_command_alone(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), elsewhere()
    await persons.append(ada, "Ada")
    await persons.append(grace, "Grace")
    await persons.append_raw(grace, b"{broken")

    outcomes = await worker.decide(merge(ada, grace), persons.rename(ada, "Ada B"))

    assert {(one["status"], one.get("code")) for one in outcomes} == {("failed", "unavailable"), ("accepted", None)}
    assert await persons.sequences(ada) == [1, 2]


async def test_a_target_with_an_unreadable_event_absorbs_nobody_until_it_is_mended(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada")
    await persons.append(grace, "Grace")
    # Those of an import start no saga; this test sends what it would send.
    await worker.decide(merge(ada, grace, actor="import:tests"))
    poison = await persons.append_raw(grace, b"{broken")
    asked = absorb(grace, ada, 2)

    [unknown] = await worker.decide(asked)
    await worker.fold(await persons.stored(ada, grace))
    [parked] = await worker.decide(asked)
    await worker.redriver().discard(P, "fold_persons", grace, poison, by="user:olga", why="a test wrote it")
    [absorbed] = await worker.decide(asked)

    # The saga that sent it tries again, and is parked for an operator: tests/domain/sagas/test_merge_saga.py.
    assert [(one["status"], one["code"]) for one in (unknown, parked)] == [("failed", "unavailable")] * 2
    assert (absorbed["status"], absorbed["events"][0]["type"]) == ("accepted", "person.absorbed")


async def test_a_person_whose_event_was_discarded_is_not_merged_since_nobody_else_could_read_it(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), elsewhere()
    await persons.append(ada, "Ada")
    await persons.append(grace, "Grace")
    poison = await persons.append_raw(ada, b"{broken")
    await worker.fold(await persons.stored(ada))
    await worker.redriver().discard(P, "fold_persons", ada, poison, by="user:olga", why="a test wrote it")

    outcomes = await worker.decide(merge(ada, grace), persons.rename(ada, "Ada B"))

    codes = {(one["status"], one.get("code"), "discarded or edited" in one.get("reason", "")) for one in outcomes}
    assert codes == {("failed", "unavailable", True), ("accepted", None, False)}


async def test_hundreds_of_events_of_one_decision_are_one_batch(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), elsewhere()
    decider = worker.decider()
    await persons.append(grace, "Grace")
    commands = (
        persons.create(ada, "Ada"),
        git_profile(ada, 456),
        analyze(ada),
        analyze(ada),
        merge(ada, grace),
    )

    outcomes = await worker.decide(*commands, decider=decider)

    assert [one["status"] for one in outcomes] == ["accepted"] * len(commands)
    assert [len(one["events"]) for one in outcomes] == [1, 1, 457, 1, 1]
    events = await events_of(persons, ada)
    assert [event.sequence for event in events] == list(range(1, 462))
    assert outcomes[-1]["position"]["stream_sequence"] == int((await persons.stored(ada))[-1].headers["nats-sequence"])


async def test_a_person_with_hundreds_of_components_is_absorbed_as_a_whole(persons: Persons, worker: Worker) -> None:
    target, source, again = persons.new(), persons.new(), persons.new()
    decider = worker.decider()
    await worker.decide(
        *(persons.create(one, "Ada") for one in (target, source, again)),
        git_profile(source, 480),
        analyze(source),
        git_profile(again, 400, "grace"),
        analyze(again),
        # Those of an import start no saga, which would absorb before this test does where workers run beside it.
        merge(source, target, actor="import:tests"),
        merge(again, target, actor="import:tests"),
        decider=decider,
    )

    outcomes = await worker.decide(absorb(target, source), absorb(target, again), decider=decider)

    # A merge is exempt from the number of components; the two decisions do not fit one batch together.
    assert [(one["status"], len(one["events"])) for one in outcomes] == [("accepted", 482), ("accepted", 402)]
    events = await events_of(persons, target)
    assert [event.sequence for event in events] == list(range(1, 886))
    assert len({event.id for event in events}) == 885

    # Nobody could take over so much at once, so the person is not ended by a merge.
    await persons.append(other := elsewhere(), "Grace")
    [refused] = await worker.decide(merge(target, other), decider=decider)
    assert (refused["code"], refused["facts"]) == ("component_limit", {"limit": MAX_TAKEN_OVER})


async def test_commands_whose_events_do_not_fit_one_batch_follow_in_the_next(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide_person, "MAX_BATCH", 3)
    monkeypatch.setattr(state_limits, "MAX_BATCH", 3)
    ada, grace = persons.new(), persons.new()
    names = ["Ada", *(f"Ada {letter}" for letter in "BCDEFGH")]
    commands = [
        persons.create(ada, names[0]),
        persons.create(grace, "Grace"),
        *(persons.rename(ada, name) for name in names[1:]),
        git_profile(ada, 3),
        analyze(ada),
        git_profile(grace, 2),
        analyze(grace),
    ]

    outcomes = await worker.decide(*commands)

    by_status = [(one["status"], one.get("code"), one["person_id"], len(one["events"])) for one in outcomes]
    assert by_status.count(("accepted", None, ada, 1)) == 9
    assert by_status.count(("accepted", None, grace, 3)) == 1
    [refused] = [one for one in outcomes if one["status"] == "refused"]
    assert (refused["code"], refused["facts"]) == ("component_limit", {"limit": 3})
    events = await events_of(persons, ada)
    assert [event.sequence for event in events] == list(range(1, 10))
    stored = {
        orjson.loads(one.value)["id"]: int(one.headers["nats-sequence"]) for one in await persons.stored(ada, grace)
    }
    for outcome in outcomes:
        if outcome["events"]:
            assert outcome["position"]["stream_sequence"] == stored[outcome["events"][-1]["id"]]


class EndingLog(EventLog):
    """The real log; when a person has been read, something happens to it and to another one."""

    def __init__(self, persons: Persons, watched: str, moved: str) -> None:
        super().__init__(persons.nc)
        self._persons = persons
        self._watched = watched
        self._moved = moved
        self.armed = False

    async def arrivals(self, person_id: str, *, after: int = 0) -> AsyncIterator[Arrival]:
        async for found in super().arrivals(person_id, after=after):
            yield found
        if person_id == self._watched and self.armed:
            self.armed = False
            await self._persons.append(self._moved, "Between")
            await self._persons.append_raw(
                self._watched,
                merged_event(self._watched),
                "person.events.lifecycle.merged",
            )


def merged_event(person_id: str) -> bytes:
    """The second event of a person."""
    cause = str(uuid.uuid4())
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "type": "person.merged",
            "dataversion": 2,
            "source": "/person",
            "subject": person_id,
            "time": "2026-01-05T10:00:00Z",
            "datacontenttype": "application/json",
            "sequence": 2,
            "correlationid": cause,
            "causationid": cause,
            "causationdepth": 0,
            "actor": "system:test",
            "data": {"target_person_id": elsewhere(), "merge_reason": "DuplicateIdentity"},
        }
    )
