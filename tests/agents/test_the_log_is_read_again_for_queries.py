"""Queries that read the stream again: a log that was tampered with, bytes that nobody can read, tables that go while the stream is read."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agents import reading
from agents.reading import Arrival, EventLog
from bridge import headers
from bridge.read import StoredMessage
from domain.times import parse_instant
from queries.endpoint import Found, Read
from queries.endpoints import correlation, events, projection, timeline
from queries.endpoints.chain import CHAIN, GetChain
from queries.endpoints.events import GetEvents, event_rows
from queries.endpoints.person import PERSON, GetById
from queries.endpoints.timeline import Entries, GetTimeline
from queries.frame import QueryError
from tables.position import AppliedPositions

if TYPE_CHECKING:
    from queries.tables_of_worker import WorkerTables
    from tests.agents.conftest import Persons, Worker

P = 3

Change = Callable[[list[Arrival]], list[Arrival]]


class ChangedLog(EventLog):
    """The stream as somebody has changed it."""

    def __init__(self, worker: Worker, change: Change) -> None:
        super().__init__(worker.nc)
        self._change = change

    async def arrivals(self, person_id: str, *, after: int = 0) -> AsyncIterator[Arrival]:
        for one in self._change([one async for one in super().arrivals(person_id)]):
            if one.stream_sequence > after:
                yield one


def rewritten(arrival: Arrival, data: bytes) -> Arrival:
    """Other bytes under the same stream sequence and subject."""
    subject = arrival.record.headers[headers.SUBJECT].decode()
    stored = StoredMessage(subject, data, arrival.stream_sequence, parse_instant("2026-01-01T00:00:00Z"))
    return reading._read_back(stored, subject.rpartition(".")[2])


def with_member(arrival: Arrival, name: str, value: Any) -> Arrival:
    return rewritten(arrival, orjson.dumps(orjson.loads(arrival.record.value) | {name: value}))


def renamed(all_: list[Arrival]) -> list[Arrival]:
    document = orjson.loads(all_[1].record.value)
    document["data"]["name"] = {"given_names": ["Somebody"]}
    return [all_[0], rewritten(all_[1], orjson.dumps(document)), *all_[2:]]


def swapped(all_: list[Arrival]) -> list[Arrival]:
    one, two = all_[1], all_[2]
    return [all_[0], rewritten(one, two.record.value), rewritten(two, one.record.value), *all_[3:]]


TAMPERED: dict[str, tuple[Change, dict[str, Any]]] = {
    "nothing": (lambda all_: all_, {"intact": True}),
    "other data": (renamed, {"intact": False, "first_bad_sequence": 2}),
    "another id": (
        lambda all_: [*all_[:2], with_member(all_[2], "id", all_[0].read().id), *all_[3:]],
        {"intact": False, "first_bad_sequence": 3},
    ),
    "another time": (
        lambda all_: [with_member(all_[0], "time", "2020-01-01T00:00:00.000000Z"), *all_[1:]],
        {"intact": False, "first_bad_sequence": 1},
    ),
    "bytes that are no event": (
        lambda all_: [all_[0], rewritten(all_[1], b"{broken"), *all_[2:]],
        {"intact": False, "first_bad_sequence": 2},
    ),
    "two in the other order": (swapped, {"intact": False, "first_bad_sequence": 2}),
    "one less": (lambda all_: [all_[0], *all_[2:]], {"intact": False, "first_bad_sequence": 2}),
    "the last one less": (lambda all_: all_[:-1], {"intact": False, "first_bad_sequence": 4}),
    "one twice": (
        lambda all_: [*all_[:2], rewritten(all_[2], all_[1].record.value), *all_[3:]],
        {"intact": False, "first_bad_sequence": 3},
    ),
    "what no entry shows": (
        lambda all_: [all_[0], with_member(all_[1], "traceparent", f"00-{'1' * 32}-{'2' * 16}-01"), *all_[2:]],
        {"intact": False, "first_bad_sequence": 2},
    ),
}


class Owner:
    """Asks the tables of one worker."""

    def __init__(self, tables: WorkerTables) -> None:
        self._tables = tables

    def partition_of(self, person_id: str) -> int:
        return P

    async def one(self, read: Read[Any], partition: int, request: Any) -> Found:
        return Found(await read.of(self._tables, partition, request), self._tables.position(partition))


async def folded(persons: Persons, worker: Worker, *names: str) -> tuple[str, WorkerTables]:
    person_id = persons.new()
    await persons.append(person_id, *names)
    await worker.fold(await persons.stored(person_id))
    return person_id, worker.queried(AppliedPositions())


async def test_a_chain_tells_what_was_changed_in_the_stream_and_where(persons: Persons, worker: Worker) -> None:
    person_id, tables = await folded(persons, worker, "Ada", "Ada B", "Ada C", "Ada D")
    query = GetChain(person_id=person_id, verify=True)

    found = {}
    for name, (change, _) in TAMPERED.items():
        told = await CHAIN.of(dataclasses.replace(tables, log=ChangedLog(worker, change)), P, query)
        assert told["length"] == 4
        found[name] = {member: told[member] for member in ("intact", "first_bad_sequence") if member in told}

    assert found == {name: expected for name, (_, expected) in TAMPERED.items()}


async def test_streamed_events_hold_what_nobody_can_read_also_at_the_end_of_a_chunk(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "CHUNK", 2)
    person_id, tables = await folded(persons, worker, "Ada", "Ada B")
    for number in range(3):
        await persons.append_raw(person_id, b"{broken %d" % number)
    ask: Any = Owner(tables)

    async with asyncio.timeout(60):
        rows = [row async for row in event_rows(ask, GetEvents(person_id=person_id))]

    assert [row["sequence"] for row in rows] == [1, 2, 2, 2, 2]
    assert [row["stored"] for row in rows[2:]] == ["{broken 0", "{broken 1", "{broken 2"]
    assert rows == (await events.get_events(ask, GetEvents(person_id=person_id))).data


async def test_a_person_is_shown_as_it_was_before_an_event_that_nobody_can_read_and_not_behind_it(
    persons: Persons, worker: Worker
) -> None:
    person_id, tables = await folded(persons, worker, "Ada", "Ada B")
    await persons.append_raw(person_id, b"{broken")

    then = await PERSON.of(tables, P, GetById(person_id=person_id, as_of_sequence=2))
    assert then["summary"]["display_name"] == "Ada B"
    with pytest.raises(QueryError) as refused:
        await PERSON.of(tables, P, GetById(person_id=person_id, as_of_sequence=3))
    assert refused.value.code == "not_ready"
    late = GetById(person_id=person_id, as_of_time=parse_instant("2999-01-01T00:00:00Z"))
    with pytest.raises(QueryError) as refused:
        await PERSON.of(tables, P, late)
    assert refused.value.code == "not_ready"


async def test_nothing_of_a_table_is_held_open_while_the_messages_of_a_correlation_are_read(
    persons: Persons, worker: Worker
) -> None:
    person_id = persons.new()
    [event] = await persons.append(person_id, "Ada")
    await worker.fold(await persons.stored(person_id))
    tables = worker.queried(AppliedPositions())
    opened_again: list[int] = []

    class LogOfAMovingPartition(EventLog):
        async def at(self, stream_sequence: int) -> Arrival | None:
            databases = worker.timeline.table.faust_table.data._dbs
            databases.pop(P).close()
            worker.timeline.table.database(P)
            opened_again.append(stream_sequence)
            return await super().at(stream_sequence)

    query = correlation.GetCorrelation(correlation_id=event.correlationid)
    moving = dataclasses.replace(tables, log=LogOfAMovingPartition(worker.nc))
    told = await correlation.MESSAGES.of(moving, P, query)

    assert len(opened_again) == 1
    assert [message[2] for message in told["messages"]] == ["command", "person.created"]


async def test_a_long_timeline_does_not_hold_up_the_worker(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "SCANNED_AT_ONCE", 2)
    monkeypatch.setattr(projection, "MAX_ENTRIES", 4)
    person_id, tables = await folded(persons, worker, "Ada", "Ada B", "Ada C", "Ada D", "Ada E")
    asked = GetTimeline.model_validate({"person_id": person_id, "types": ["person.created"], "order": "desc"})

    looked: list[tuple[Sequence[Any], bool]] = []
    after: str | None = None
    while not looked or after is not None:
        found = await timeline.ENTRIES.of(tables, P, Entries(person_id=person_id, asked=asked, after=after))
        after = found["after"]
        looked.append(([entry["sequence"] for entry in found["entries"]], after is not None))
    assert looked == [([], True), ([], True), ([1], False)]

    with pytest.raises(QueryError) as refused:
        await projection.ROWS.of(tables, P, projection.RowsOf(projection="timeline", keys=(person_id,)))
    assert refused.value.code == "overloaded"
