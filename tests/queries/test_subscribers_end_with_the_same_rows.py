"""Whoever follows the rows of a model ends with those that match, however changes, take-overs and readers come together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.partitions import partition_of
from queries.endpoint import Found
from queries.filters import Filters
from queries.matching import matches, needs_document
from queries.subscriptions.messages import FOLLOWED, Followed
from queries.subscriptions.session import Session, Wanted
from tables.position import AppliedPositions
from tables.recent_changes import RecentChanges

PARTITIONS = 2
PERSONS = [f"0190c8a2-7b1e-7c3d-9a4f-{number:012d}" for number in range(6)]


class Rows:
    """A model in memory, read as a table is."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, bytes], bytes] = {}
        self.table = self

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self.kept.get((partition, key))

    def read(self, partition: int, person_id: str) -> dict[str, Any] | None:
        value = self.get(partition, person_id.encode())
        return None if value is None else orjson.loads(value)

    def rows(self, partition: int, *, after: str = "") -> Iterator[dict[str, Any]]:
        for of, key in sorted(self.kept):
            if of == partition and key.decode() > after:
                yield orjson.loads(self.kept[of, key])


class Worlds:
    """The models of all partitions, changed as lane cycles do, and the owner that tells of them."""

    def __init__(self) -> None:
        self.tables: Any = SimpleNamespace(
            **{name: Rows() for name in FOLLOWED},
            changes=RecentChanges(kept_rows=8),
            positions=AppliedPositions(),
            quarantine=SimpleNamespace(concerns=lambda partition, _: partition in self.parked, rows=self._parked_rows),
            owned=lambda: frozenset(range(PARTITIONS)),
        )
        self.parked: dict[int, int] = {}
        """Stream sequence of the first event that waits in quarantine, by partition."""
        self.partitions = PARTITIONS
        self.sequences = dict.fromkeys(PERSONS, 0)
        self.statuses: dict[str, str] = {}
        self.last = 0

    def cycle(self, changes: list[tuple[int, str, str]]) -> None:
        """Persons get a status and a tag, in one cycle per partition; a merged one has no search document."""
        staged: dict[int, dict[str, dict[bytes, bytes | None]]] = {}
        for number, status, tag in changes:
            person_id = PERSONS[number]
            partition = partition_of(person_id, PARTITIONS)
            of = staged.setdefault(partition, {name: {} for name in FOLLOWED})
            self.last += 1
            self.sequences[person_id] += 1
            row = self._row(person_id, partition, status, tag)
            key = person_id.encode()
            of["summary"][key] = orjson.dumps(row)
            of["search"][key] = None if status == "MergedInto" else orjson.dumps(row)
            if self.statuses.get(person_id) != status:
                self.statuses[person_id] = status
                of["network"][key] = orjson.dumps(row)
        for partition, of in staged.items():
            for name, rows in of.items():
                kept = getattr(self.tables, name).kept
                for key, value in rows.items():
                    kept.pop((partition, key), None)
                    if value is not None:
                        kept[partition, key] = value
            if self.tables.changes.is_listened_to(partition):
                self.tables.changes.add(partition, of, self.last)
            self.tables.positions.advance(partition, self.last)

    def matching(self, wanted: Wanted) -> dict[str, int]:
        """Sequence by person of the rows that match now."""
        found = {}
        for person_id in PERSONS:
            partition = partition_of(person_id, PARTITIONS)
            row = getattr(self.tables, wanted.projection).read(partition, person_id)
            document = self.tables.search.read(partition, person_id)
            if not needs_document(wanted.filter):
                document = row
            if row is not None and matches(wanted.filter, document, None):
                found[person_id] = row["sequence"]
        return found

    async def one(self, read: Any, partition: int, request: Any) -> Found:
        """Asks as another worker would: through JSON."""
        await asyncio.sleep(0)
        data = await read.of(self.tables, partition, read.request.model_validate_json(request.model_dump_json()))
        return Found(orjson.loads(orjson.dumps(data)), {})

    def _parked_rows(self, partition: int, agent: str) -> Iterator[Any]:
        yield agent, PERSONS[0], SimpleNamespace(parked=SimpleNamespace(first=self.parked[partition]))

    def _row(self, person_id: str, partition: int, status: str, tag: str) -> dict[str, Any]:
        empty: dict[str, Any] = {name: [] for name in ("names", "emails", "phones", "employers", "locations", "skills")}
        return {
            **empty,
            "person_id": person_id,
            "status": status,
            "tags": [tag],
            "organization_ids": [],
            "location_ids": [],
            "component_types": [],
            "identity_level": "Unverified",
            "created_at": None,
            "sequence": self.sequences[person_id],
            "position": {"partition": partition, "stream_sequence": self.last},
        }


class Reader:
    """The flow to a reader that keeps what it gets, and leaves out what it has."""

    def __init__(self) -> None:
        self.sent = 0
        self.acknowledged = 0
        self.acknowledges = False
        self.told: list[dict[str, Any]] = []
        self.rows: dict[str, int] = {}

    async def send(self, encoded: Any) -> None:
        await asyncio.sleep(0)
        message = orjson.loads(encoded(self.sent))
        self.sent += 1
        self.told.append(message)
        if message["op"] in ("snapshot", "upsert"):
            self.rows[message["person_id"]] = message["row"]["sequence"]
        elif message["op"] == "delete":
            self.rows.pop(message["person_id"], None)


class Following:
    """A session that runs beside the test."""

    def __init__(self, worlds: Worlds, wanted: Wanted, positions: dict[int, int] | None, reader: Reader) -> None:
        self.worlds = worlds
        self.wanted = wanted
        self.reader = reader
        ask: Any = worlds
        flow: Any = reader
        self.session = Session(lambda: ask, flow, wanted, positions)
        self.task = asyncio.create_task(self.session.run())

    async def is_level(self) -> None:
        """Wait until the reader has been told everything."""
        async with asyncio.timeout(60):
            while (
                self.session.positions is None
                or any(self.session.positions[p] < self.worlds.tables.positions.applied(p) for p in range(PARTITIONS))
                or "caught_up" not in [one["op"] for one in self.reader.told]
            ):
                assert not self.task.done(), self.task.exception()
                await asyncio.sleep(0)

    async def end(self) -> dict[int, int] | None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        return self.session.positions


changes = st.tuples(
    st.integers(0, len(PERSONS) - 1), st.sampled_from(["Active", "Suspended", "MergedInto"]), st.sampled_from("ab")
)
steps = st.one_of(
    st.lists(changes, min_size=1, max_size=4),
    st.sampled_from(["take over", "restart", "breathe"]),
)
filters = st.sampled_from(
    [Filters(), Filters(tag="a"), Filters.model_validate({"status": ["Active", "Suspended"], "tag": "a"})]
)


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(changes, max_size=6),
    history=st.lists(steps, max_size=12),
    projection=st.sampled_from(["summary", "search", "network"]),
    filter_=filters,
)
async def test_early_late_and_resuming_readers_hold_the_same_rows(
    before: list[Any], history: list[Any], projection: Followed, filter_: Filters
) -> None:
    worlds, wanted, reader = Worlds(), Wanted(projection, filter_), Reader()
    worlds.cycle(before)
    early = Following(worlds, wanted, None, reader)
    restarts = 0
    for step in history:
        if step == "take over":
            for partition in range(PARTITIONS):
                worlds.tables.changes.forget(partition)
        elif step == "restart":
            positions = await early.end()
            if positions is None:
                reader.rows.clear()
            early = Following(worlds, wanted, positions, reader)
            restarts += 1
        elif step == "breathe":
            await early.is_level()
        else:
            worlds.cycle(step)
        await asyncio.sleep(0)
    await early.is_level()
    late = Following(worlds, wanted, None, Reader())
    await late.is_level()

    expected = worlds.matching(wanted)
    assert late.reader.rows == expected
    assert reader.rows == expected
    if not restarts:
        for person_id in PERSONS:
            told = [one["sequence"] for one in reader.told if one.get("person_id") == person_id]
            # Every change moves the summary; a row of another model may come again when its owner has read the tables.
            assert told == sorted(set(told) if projection == "summary" else told)
    for following in (early, late):
        await following.end()


async def test_a_reader_without_room_is_not_read_for() -> None:
    worlds, reader = Worlds(), Reader()
    worlds.cycle([(number, "Active", "a") for number in range(6)])
    room = asyncio.Event()
    send = reader.send

    async def wait_for_room(encoded: Any) -> None:
        await room.wait()
        await send(encoded)

    reader.send = wait_for_room  # type: ignore[method-assign]
    following = Following(worlds, Wanted("summary", Filters()), None, reader)
    for _ in range(50):
        worlds.cycle([(0, "Active", "a")])
        await asyncio.sleep(0)
    assert reader.told == []

    room.set()
    await following.is_level()

    assert reader.rows == worlds.matching(Wanted("summary", Filters()))
    assert len(reader.told) < 20
    await following.end()


async def test_a_place_to_go_on_from_lies_before_everything_that_waits_in_quarantine() -> None:
    worlds, wanted = Worlds(), Wanted("summary", Filters())
    worlds.cycle([(number, "Active", "a") for number in range(6)])
    parked = partition_of(PERSONS[0], PARTITIONS)
    worlds.parked[parked] = 3
    before = Following(worlds, wanted, None, Reader())
    async with asyncio.timeout(60):
        while "caught_up" not in [one["op"] for one in before.reader.told]:  # noqa: ASYNC110  # a session tells its reader only
            await asyncio.sleep(0)
    positions = await before.end()

    assert positions == {parked: 2, 1 - parked: worlds.last}
    del worlds.parked[parked]
    after = Following(worlds, wanted, positions, before.reader)
    await after.is_level()
    assert before.reader.rows == worlds.matching(wanted)
    await after.end()


@pytest.mark.parametrize("projection", FOLLOWED)
async def test_every_model_that_can_be_followed_is_kept_by_the_worker(projection: Followed) -> None:
    worlds = Worlds()
    following = Following(worlds, Wanted(projection, Filters()), None, Reader())
    await following.is_level()

    assert [one["op"] for one in following.reader.told] == ["caught_up"]
    await following.end()
