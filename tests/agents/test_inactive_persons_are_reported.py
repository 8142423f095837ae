"""The sweep reports every silent person once for each threshold, in whatever way it is repeated or cut off."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from agents.inactivity_schedule import JOB
from agents.sweep_inactivity import COMMAND, SweepInactivity
from bridge import read
from bridge.append import EntityAppend, EventMessage, append
from config.streams import COMMANDS
from domain.commands import read_command
from domain.decide import decide
from domain.events import write_event
from domain.person import Person
from domain.subjects import event_subject, person_filter
from lanes.record import Record
from ops.client import REPLY_TO
from tests.agents.conftest import P, Persons, Worker, carried

NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Sweeps:
    """The agent in a lane, and what it has sent since the test began."""

    worker: Worker
    persons: Persons
    agent: SweepInactivity
    begun: int

    async def silent_for(self, days: int, *, imported: bool = False) -> str:
        """A person of whom nothing was heard since so many days; an import is no activity, the creation is."""
        person_id = self.persons.new()
        envelope = {
            **self.persons.create(person_id, "Quiet").envelope(),
            "time": (NOW - timedelta(days=days, minutes=1)).isoformat().replace("+00:00", "Z"),
            "actor": "import:tests",
        }
        command = read_command(orjson.dumps(envelope), subject=envelope["type"], stored_at=NOW)
        events = decide(command, Person.new(person_id))
        messages = [EventMessage(event_subject(event), write_event(event), event.id) for event in events]
        await append(self.persons.nc, [EntityAppend(person_filter(person_id), 0, messages)])
        return person_id

    async def fold(self, *person_ids: str) -> None:
        await self.worker.fold(await self.persons.stored(*person_ids))

    async def sweep(self, now: datetime = NOW) -> None:
        await self.worker.run([self.agent], [timer(now)])

    async def sent(self) -> list[dict[str, Any]]:
        """All reports since the test began."""
        found = read.messages(self.persons.nc, COMMANDS, COMMAND, after=self.begun)
        return [orjson.loads(message.data) async for message in found]

    async def decided(self) -> list[dict[str, Any]]:
        """Outcomes of all reports sent so far, in their order, decided as the command lane does."""
        inbox = {REPLY_TO: self.worker.inbox}
        records = [
            carried(COMMANDS, COMMAND, orjson.dumps(body), 1000 + number, 0, inbox)
            for number, body in enumerate(await self.sent())
        ]
        return await self.worker.decide_records(records)


def timer(now: datetime) -> Record:
    return Record(0, JOB, b"{}", {}, _ms(now))


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


@pytest.fixture
async def sweeps(worker: Worker, persons: Persons, nc: Client) -> Sweeps:
    last = await read.last_message(nc, COMMANDS, COMMAND)
    begun = last.stream_sequence if last else 0
    return Sweeps(worker, persons, SweepInactivity(worker.persons, nc), begun)


def reported(bodies: Sequence[dict[str, Any]]) -> dict[str, int]:
    assert len({body["id"] for body in bodies}) == len(bodies)
    return {body["subject"]: body["data"]["threshold"] for body in bodies}


async def test_each_silent_person_is_reported_at_its_highest_threshold_and_decided_once(sweeps: Sweeps) -> None:
    silences = {days: await sweeps.silent_for(days) for days in (10, 31, 100, 400, 1000)}
    await sweeps.fold(*silences.values())
    await sweeps.sweep()
    first = await sweeps.sent()
    assert reported(first) == {silences[31]: 30, silences[100]: 90, silences[400]: 366, silences[1000]: 996}
    assert {(body["actor"], body["causationdepth"], body.get("time")) for body in first} == {
        ("job:inactivity-sweep", 0, None)
    }

    # A sweep that was cut off before its offset was committed is done again: the same ids, and one event each.
    await sweeps.sweep()
    twice = await sweeps.sent()
    assert [body["id"] for body in twice[len(first) :]] == [body["id"] for body in first]
    outcomes = await sweeps.decided()
    assert {outcome["status"] for outcome in outcomes} == {"accepted"}
    await sweeps.fold(*silences.values())
    row = sweeps.worker.persons.read(P, silences[400])
    assert (row.person.version, row.person.inactivity_reported) == (2, 366)

    # Nothing is due the next day; weeks later the next threshold is, and those between are not made up.
    await sweeps.sweep(NOW + timedelta(days=1))
    assert len(await sweeps.sent()) == len(twice)
    await sweeps.sweep(NOW + timedelta(days=300))
    later = reported((await sweeps.sent())[len(twice) :])
    assert later == {
        silences[10]: 180,
        silences[31]: 180,
        silences[100]: 366,
        silences[400]: 636,
        silences[1000]: 1266,
    }


async def test_activity_begins_the_count_anew(sweeps: Sweeps) -> None:
    person_id = await sweeps.silent_for(400)
    await sweeps.fold(person_id)
    await sweeps.persons.append(person_id, "Heard of")
    await sweeps.fold(person_id)
    await sweeps.sweep()
    assert await sweeps.sent() == []
    await sweeps.sweep(NOW + timedelta(days=40))
    assert reported(await sweeps.sent()) == {person_id: 30}


async def test_a_long_table_is_swept_in_slices_that_let_others_run(
    sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = [await sweeps.silent_for(40) for _ in range(30)]
    await sweeps.fold(*silent)
    monkeypatch.setattr("agents.sweep_inactivity._SLICE_S", 0.0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(other())
    await sweeps.sweep()
    beside.cancel()
    assert turns >= len(silent)
    assert reported(await sweeps.sent()) == dict.fromkeys(silent, 30)


async def test_timers_of_sagas_sweep_nothing(sweeps: Sweeps) -> None:
    await sweeps.fold(await sweeps.silent_for(400))
    await sweeps.worker.run([sweeps.agent], [timer(NOW)._replace(key=str(uuid.uuid4()).encode())])
    assert await sweeps.sent() == []
