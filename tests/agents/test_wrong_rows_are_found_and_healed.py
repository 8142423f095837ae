"""Rows that are not what the events tell are found by person and field, and the owner of the partition writes them right."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from nats.aio.client import Client

from agents.healing import Healer, HealRows
from bridge import read
from bridge.letter_acts import LetterActs, Place
from config import streams
from domain.subjects import partition_filter, person_filter
from lanes.agent import Batch
from lanes.lane import LanePosition
from lanes.record import Record
from local.stack import Endpoints
from ops.client import QueryFailed
from ops.verify import newer as newer_events
from ops.verify.changelogs import compare_changelog
from ops.verify.findings import Finding, Tally
from ops.verify.newer import NewerEvents
from ops.verify.owners import Owners
from ops.verify.pace import Pace
from ops.verify.persons import History, compare_persons
from ops.verify.reading import Stored, stored_messages
from queries.index.database import SOURCES
from queries.index.feed import IndexFeed
from queries.inspection import Inspection
from tables import timeline
from tests.agents.test_models_equal_an_independent_fold import LIFE, _append, created

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3
SECRET = "Xanthippe"
MODELS = ("persons", "summary", "search", "skills", "network", "views", "timeline", "statistics")


def newer(nc: Client) -> NewerEvents:
    return NewerEvents(nc, [partition_filter(P)], 0)


@dataclass
class Owner:
    """A worker whose rows can be inspected and healed."""

    worker: Worker
    owners: Owners
    app_id: str
    index: IndexFeed

    async def compare(self, *person_ids: str, index: bool = True) -> list[Finding]:
        tally = Tally()
        histories = [await _history(self.worker.nc, person_id) for person_id in person_ids]
        await compare_persons(self.owners, newer(self.worker.nc), histories, tally, index=index)
        return tally.findings

    async def heal(self, act: str, **whom: Any) -> dict[str, int]:
        return await self.owners.heal(P, {"act": act, **whom, "by": "user:tests", "why": "a test"})


@pytest.fixture
async def owner(worker: Worker, servers: Endpoints, tmp_path: Path) -> AsyncIterator[Owner]:
    tables = worker.queried(worker.positions)
    index = IndexFeed(tmp_path / "index", worker.positions)
    agents = worker.event_agents()

    def healed(partition: int, keys: Mapping[str, Iterable[bytes]]) -> None:
        for agent in agents:
            agent.forget(partition)
        index.take(partition, {name: keys[name] for name in SOURCES}, 0)

    heal = HealRows(
        tables.on_events(), worker.quarantine, worker.log, worker.positions, max_row_bytes=1 << 20, on_healed=healed
    )

    async def repeat(partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        lane = worker._lane([*agents[:-1], heal, agents[-1]])
        lane.start(LanePosition(0, False))
        try:
            return await lane.repeat(records, prepare)
        finally:
            await lane.stop(1.0)

    object.__setattr__(tables, "index", index)
    app_id = f"t{uuid.uuid4().hex[:10]}"
    inspection = Inspection(worker.nc, tables, Healer(repeat, repeat), app_id=app_id)
    await inspection.own(frozenset({P}))
    prefix = worker.summary.table.changelog_topic.removesuffix("-summary-changelog")
    yield Owner(worker, Owners(worker.nc, app_id), prefix, index)
    await inspection.disown(frozenset({P}))
    await index.stop()


async def test_every_kind_of_wrong_row_is_found_by_person_and_field_and_healed(
    persons: Persons, worker: Worker, owner: Owner, servers: Endpoints
) -> None:
    ada, grace, jean = persons.new(), persons.new(), persons.new()
    for person_id in (ada, grace, jean):
        await _append(persons.nc, person_id, created(), *LIFE)
    await worker.fold(await persons.stored(ada, grace, jean))
    await owner.index.own(frozenset({P}), worker.queried(worker.positions).on_events())
    assert await owner.compare(ada, grace, jean) == []

    _change(worker, "summary", ada, display_name=SECRET)
    _change(worker, "persons", ada, chain={"length": 1, "head": "00"})
    worker.search.table.database(P).delete(ada.encode())
    entries = [key for key, _ in worker.timeline.table.scan(P, f"{grace}:".encode())]
    worker.timeline.table.database(P).delete(entries[3])
    worker.timeline.table.database(P).put(timeline.key(grace, 999), b'{"title":"' + SECRET.encode() + b'"}')
    [place] = [
        key for key, value in worker.timeline.table.scan(P, b"c:") if grace.encode() in value and b':2,"' in value
    ]
    worker.timeline.table.database(P).put(place, b'{"person_id":"' + grace.encode() + b'","sequence":2,"digest":"0"}')
    worker.network.table.database(P).put(grace.encode(), b"no JSON")
    await owner.index.disown(frozenset({P}))
    owner.index._parts.clear()
    await owner.index.own(frozenset({P}), worker.queried(worker.positions).on_events())

    findings = await owner.compare(ada, grace, jean)
    told = {(one.check, one.table, one.whom.split()[0], one.field) for one in findings}
    tables = {(table, whom, name) for check, table, whom, name in told if check == "tables"}
    assert tables == {
        ("summary", ada, "display_name"),
        ("persons", ada, "chain"),
        ("search", ada, "row"),
        ("timeline", grace, "row"),
        ("timeline", grace, "digest"),
        ("network", grace, "row"),
    }
    assert {(whom, table) for check, table, whom, _ in told if check == "index"} >= {
        (ada, "documents"),
        (grace, "nodes"),
    }
    assert not any(SECRET in one.line(values=False) for one in findings)
    assert any(SECRET in one.line(values=True) for one in findings)

    for person_id in (ada, grace):
        assert (await owner.heal("heal_person", person_id=person_id))["changed"] > 0
    assert await owner.compare(ada, grace, jean) == []
    assert (await owner.heal("heal_person", person_id=ada))["changed"] == 0

    # The rows went through the changelogs, and the lane goes on from them.
    tally = Tally()
    for table in MODELS:
        await compare_changelog(
            owner.owners, servers.kafka_bootstrap, owner.app_id, table, P, tally, Pace(None), lambda _key: None
        )
    assert tally.findings == []
    await _append(persons.nc, ada, *LIFE[-2:])
    await worker.fold(await persons.stored(ada, grace))
    await worker.assert_folded(ada, grace, jean)
    acts = LetterActs(worker.nc, streams.DEAD_LETTERS, "person.dlq")
    recorded = [act async for act in acts.of(Place("tables", streams.EVENTS, grace))]
    assert [(act.name, act.by, act.why) for act in recorded] == [("healed", "user:tests", "a test")]


async def test_counts_of_a_day_are_corrected_by_what_they_lack(persons: Persons, worker: Worker, owner: Owner) -> None:
    ada = persons.new()
    await _append(persons.nc, ada, created(), *LIFE)
    await worker.fold(await persons.stored(ada))
    [day] = [row["day"] for row in worker.statistics.rows(P) if row["events_by_type"].get("person.created")]
    held = worker.statistics.read(P, day)
    assert held is not None
    events = {**held["events_by_type"], "person.created": 5, "person.suspended": 2}
    _change(worker, "statistics", day, events_by_type=events)

    add = {"events_by_type": {"person.created": -4, "person.suspended": -2}}
    await owner.heal("heal_day", day=day, add=add)

    await worker.assert_folded(ada)


async def test_a_person_in_quarantine_is_compared_up_to_there_and_not_healed(
    persons: Persons, worker: Worker, owner: Owner
) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Augusta")
    await persons.append_raw(ada, b"no event")
    await worker.fold(await persons.stored(ada))
    assert worker.parked()

    assert await owner.compare(ada, index=False) == []
    with pytest.raises(QueryFailed, match="quarantine"):
        await owner.heal("heal_person", person_id=ada)


async def test_a_person_without_events_loses_its_rows(persons: Persons, worker: Worker, owner: Owner) -> None:
    ada, nobody = persons.new(), persons.new()
    await persons.append(ada, "Ada")
    await worker.fold(await persons.stored(ada))
    for name in ("summary", "search"):
        row = getattr(worker, name).table.get(P, ada.encode())
        getattr(worker, name).table.database(P).put(nobody.encode(), row)

    done = await owner.heal("heal_person", person_id=nobody)

    assert done["changed"] == 2
    assert worker.summary.read(P, nobody) is None
    assert worker.search.read(P, nobody) is None
    assert worker.summary.read(P, ada) is not None


async def test_a_gap_and_a_repetition_in_the_stream_are_told(persons: Persons, worker: Worker, owner: Owner) -> None:
    ada = persons.new()
    await persons.append(ada, "Ada", "Augusta", "Ada")
    history = await _history(worker.nc, ada)
    await worker.fold(await persons.stored(ada))
    del history.stored[1]
    tally = Tally()
    await compare_persons(owner.owners, newer(worker.nc), [history], tally, index=False)
    assert [(one.check, one.field) for one in tally.findings] == [("stream", "version")]


async def _history(nc: Client, person_id: str) -> History:
    history = History(person_id, P)
    async for one in read.messages(nc, streams.EVENTS, person_filter(person_id)):
        history.stored.append(Stored(one.stream_sequence, one.subject, one.data))
    return history


def _change(worker: Worker, name: str, key: str, **members: Any) -> None:
    """Change a row past its lane, as a defect or a bad disk does."""
    table = getattr(worker, name).table
    row = orjson.loads(table.get(P, key.encode()))
    table.database(P).put(key.encode(), orjson.dumps({**row, **members}))


async def test_what_comes_while_persons_are_compared_is_read_once_for_all_of_them(
    persons: Persons, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, grace = persons.new(), persons.new()
    await persons.append(ada, "Ada")
    await persons.append(grace, "Grace", "Hopper")
    [*_, last] = (await _history(worker.nc, grace)).stored
    reads: list[int] = []

    def counted(*given: Any, **named: Any) -> Any:
        reads.append(named["last"])
        return stored_messages(*given, **named)

    monkeypatch.setattr(newer_events, "stored_messages", counted)
    events = newer(worker.nc)

    assert await events.of(grace, last.stream_sequence) == (await _history(worker.nc, grace)).stored
    assert await events.of(ada, last.stream_sequence) == (await _history(worker.nc, ada)).stored
    assert await events.of(ada, 1) == (await _history(worker.nc, ada)).stored
    assert reads == [last.stream_sequence]
