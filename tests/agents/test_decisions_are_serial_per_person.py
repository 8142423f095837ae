"""Commands of a person are decided one after the other on everything that is known, and each leads to its events once."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import orjson
import pytest
from nats.aio.client import Client

from agents import decide_person
from agents.reading import Arrival, EventLog
from bridge.append import EntityAppend, append_each
from bridge.errors import AppendRefusedError, BridgeError
from ops.client import CommandMessage

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3


async def test_two_commands_of_one_person_in_one_cycle_follow_each_other(persons: Persons, worker: Worker) -> None:
    ada = persons.new()

    created, renamed = await worker.decide(persons.create(ada, "Ada"), persons.rename(ada, "Ada B"))

    assert [(one["status"], one["version"]) for one in (created, renamed)] == [("accepted", 1), ("accepted", 2)]
    assert renamed["position"]["stream_sequence"] == created["position"]["stream_sequence"] + 1
    assert await persons.sequences(ada) == [1, 2]


async def test_a_command_sees_what_an_earlier_one_of_its_cycle_has_changed(persons: Persons, worker: Worker) -> None:
    ada = persons.new()

    outcomes = await worker.decide(persons.create(ada, "Ada"), persons.create(ada, "Ada"), suspend(ada), suspend(ada))

    assert [one["status"] for one in outcomes] == ["accepted", "refused", "accepted", "refused"]
    assert await persons.sequences(ada) == [1, 2]


async def test_a_later_cycle_decides_on_events_that_no_table_has_folded_yet(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    decider = worker.decider()
    await worker.decide(persons.create(ada, "Ada"), decider=decider)

    [renamed] = await worker.decide(persons.rename(ada, "Ada B"), decider=decider)

    assert (renamed["status"], renamed["version"]) == ("accepted", 2)


async def test_the_position_of_an_outcome_is_that_of_the_last_event_of_its_command(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    both = CommandMessage(
        "person.commands.create",
        {"name": {"given_names": ["Grace"]}, "source": "tests", "birth_date": "1906-12-09"},
        grace,
    )

    outcomes = await worker.decide(
        persons.create(ada, "Ada"), both, persons.rename(ada, "Ada B"), persons.rename(grace, "Grace B")
    )

    stored = await persons.stored(ada, grace)
    sequence_of = {orjson.loads(one.value)["id"]: int(one.headers["nats-sequence"]) for one in stored}
    assert len(sequence_of) == 5
    for outcome in outcomes:
        assert outcome["position"] == {
            "partition": P,
            "stream_sequence": sequence_of[outcome["events"][-1]["id"]],
        }


async def test_a_lost_append_race_is_decided_again_behind_what_came_between(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), persons.new()
    decider = worker.decider()
    await worker.decide(persons.create(ada, "Ada"), decider=decider)
    await persons.append(ada, "Between")

    outcomes = await worker.decide(persons.rename(ada, "Ada C"), persons.create(grace, "Grace"), decider=decider)

    assert {(one["person_id"], one["status"], one["version"]) for one in outcomes} == {
        (ada, "accepted", 3),
        (grace, "accepted", 1),
    }
    stored = [orjson.loads(record.value) for record in await persons.stored(ada)]
    assert [one["sequence"] for one in stored] == [1, 2, 3]
    assert stored[2]["data"]["old_name"]["given_names"] == ["Between"]


async def test_a_version_that_was_expected_is_compared_with_what_came_between(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    decider = worker.decider()
    await worker.decide(persons.create(ada, "Ada"), decider=decider)
    await persons.append(ada, "Between")

    [outcome] = await worker.decide(persons.rename(ada, "Ada C", expected=1), decider=decider)

    assert (outcome["status"], outcome["code"]) == ("refused", "version_conflict")
    assert outcome["facts"] == {"expected": 1, "actual": 2}
    assert await persons.sequences(ada) == [1, 2]


async def test_a_refusal_is_given_on_the_newest_state_of_the_stream(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada")

    # No table has folded the creation: on what the worker knows there is no such person.
    [outcome] = await worker.decide(persons.rename(ada, "Ada B"))

    assert (outcome["status"], outcome["version"]) == ("accepted", 2)


async def test_a_worker_that_was_replaced_decides_nothing_again_on_what_its_successor_stored(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    decider = worker.decider()
    await worker.decide(persons.create(ada, "Ada"), persons.create(grace, "Grace"), decider=decider)
    await persons.append(ada, "Between")

    # The successor may have refused these commands before the event between made them possible; that leaves nothing in the stream.
    await worker.decide_after_a_take_over(persons.rename(ada, "Ada C"), decider=decider)
    # A refusal on an old state is confirmed on the newest one, which makes it possible here.
    await worker.decide_after_a_take_over(persons.rename(ada, "Ada D", expected=2), decider=decider)

    assert await persons.sequences(ada) == [1, 2]


async def test_a_race_that_is_always_lost_fails_and_the_same_command_may_be_sent_again(
    persons: Persons, worker: Worker
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada")
    racing = RacingLog(persons, ada)
    decider = worker.decider(log=racing)
    command = persons.rename(ada, "Ada B", command_id=str(uuid.uuid4()))

    [failed] = await worker.decide(command, decider=decider)
    racing.races = False
    [accepted] = await worker.decide(command, decider=decider)

    assert (failed["status"], failed["code"]) == ("failed", "conflict")
    assert accepted["status"] == "accepted"
    sequences = await persons.sequences(ada)
    assert sequences == list(range(1, len(sequences) + 1))


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "not folded"])
@pytest.mark.parametrize("outcome_kept", [True, False], ids=["outcome kept", "outcome lost"])
async def test_a_command_that_comes_again_gets_its_first_outcome_and_no_second_event(
    persons: Persons, worker: Worker, folded: bool, outcome_kept: bool
) -> None:
    ada = persons.new()
    command = persons.create(ada, "Ada", command_id=str(uuid.uuid4()))
    [first] = await worker.decide(command)
    if folded:
        await worker.fold(await persons.stored(ada))
    if not outcome_kept:
        worker.forget_outcomes()

    [again] = await worker.decide(command)

    assert again == first
    assert await persons.sequences(ada) == [1]
    assert worker.outcomes.read(P, str(command.id)) == first


async def test_a_command_that_comes_twice_in_one_cycle_is_decided_once(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    command = persons.create(ada, "Ada", command_id=str(uuid.uuid4()))

    first, second = await worker.decide(command, command)

    assert first == second
    assert first["status"] == "accepted"
    assert await persons.sequences(ada) == [1]


async def test_a_refused_command_that_comes_again_stays_refused(persons: Persons, worker: Worker) -> None:
    ada = persons.new()
    command = persons.rename(ada, "Ada", command_id=str(uuid.uuid4()))
    [refused] = await worker.decide(command)
    await persons.append(ada, "Ada")

    [again] = await worker.decide(command)

    assert refused["code"] == "person_not_found"
    assert again == refused


@pytest.mark.parametrize("same_cycle", [True, False], ids=["in the same cycle", "later"])
async def test_an_id_that_comes_with_other_content_is_refused_and_dead_lettered(
    persons: Persons, worker: Worker, same_cycle: bool
) -> None:
    ada = persons.new()
    command_id = str(uuid.uuid4())
    first, second = persons.create(ada, "Ada", command_id), persons.create(ada, "Mallory", command_id)

    if same_cycle:
        accepted, refused = await worker.decide(first, second)
    else:
        [accepted] = await worker.decide(first)
        [refused] = await worker.decide(second)

    assert accepted["status"] == "accepted"
    assert (refused["status"], refused["code"], refused["facts"]["field"]) == ("refused", "invalid_command", "id")
    assert worker.outcomes.read(P, command_id) == accepted
    assert await persons.sequences(ada) == [1]
    [(consumer, _, data)] = await persons.letters(command_id)
    assert consumer == "decide_person"
    assert orjson.loads(data)["data"]["name"]["given_names"] == ["Mallory"]


async def test_a_command_of_a_person_with_an_unreadable_event_fails_and_the_neighbours_go_on(
    persons: Persons, worker: Worker
) -> None:
    ada, grace = persons.new(), persons.new()
    decider = worker.decider()
    await worker.decide(persons.create(ada, "Ada"), decider=decider)
    await persons.append_raw(ada, b"{broken")

    outcomes = await worker.decide(persons.rename(ada, "Ada B"), persons.create(grace, "Grace"), decider=decider)

    assert sorted((one["status"], one.get("code", ""), one["person_id"]) for one in outcomes) == [
        ("accepted", "", grace),
        ("failed", "unavailable", ada),
    ]
    assert await persons.sequences(grace) == [1]


async def test_a_repeated_command_of_such_a_person_holds_up_nobody_either(persons: Persons, worker: Worker) -> None:
    ada, grace = persons.new(), persons.new()
    command = persons.create(ada, "Ada", command_id=str(uuid.uuid4()))
    await worker.decide(command)
    await worker.fold(await persons.stored(ada))
    worker.forget_outcomes()
    await persons.append_raw(ada, b"{broken")

    outcomes = await worker.decide(command, persons.create(grace, "Grace"))

    assert "accepted" in [one["status"] for one in outcomes if one.get("person_id") == grace]
    assert await persons.sequences(grace) == [1]


async def test_a_server_that_cannot_store_repeats_the_cycle_and_is_no_conflict(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = persons.new()
    tries: list[int] = []

    async def failing_once(nc: Client, entities: Sequence[EntityAppend]) -> list[int | AppendRefusedError]:
        tries.append(len(entities))
        if len(tries) == 1:
            raise BridgeError("JetStream could not store a batch: insufficient resources (10023)")
        return await append_each(nc, entities)

    monkeypatch.setattr(decide_person, "append_each", failing_once)

    [outcome] = await worker.decide(persons.create(ada, "Ada"))

    assert (outcome["status"], tries) == ("accepted", [1, 1])
    assert await persons.sequences(ada) == [1]
    assert await persons.letters(ada) == []


class RacingLog(EventLog):
    """The real log; somebody appends to the person each time it has been read."""

    def __init__(self, persons: Persons, person_id: str) -> None:
        super().__init__(persons.nc)
        self._persons = persons
        self._person_id = person_id
        self._appended = 0
        self.races = True

    async def arrivals(self, person_id: str, *, after: int = 0) -> AsyncIterator[Arrival]:
        async for found in super().arrivals(person_id, after=after):
            yield found
        if self.races:
            self._appended += 1
            await self._persons.append(self._person_id, "Racer " + "I" * self._appended)


def suspend(person_id: str) -> CommandMessage:
    """Suspend a person."""
    return CommandMessage("person.commands.lifecycle.suspend", {"reason": "test"}, person_id)
