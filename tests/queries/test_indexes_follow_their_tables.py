"""The feed between tables and indexes, without servers: what is indexed at which position, and when an index is made anew."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
import orjson
import pytest

from lanes.table import OFFSET_KEY, LaneTable
from lanes.table_memory import TableMemory
from queries.filters import Filters
from queries.index.database import SOURCES, IndexDatabase
from queries.index.feed import IndexFeed
from queries.index.search import listed
from queries.index.selection import selection
from tables.position import AppliedPositions
from tests.queries import documents

P = 1


class Tables:
    """Real tables of one worker, written as lanes write them, and a feed over them."""

    def __init__(self, folder: Path) -> None:
        app = faust.App("indexed", store="rocksdb://", datadir=str(folder / "tables"), topic_partitions=2)
        memory = TableMemory(16 << 20, write_buffer_bytes=1 << 20, open_files=64)
        self.all = [LaneTable(app, name, partitions=2, memory=memory) for name in SOURCES]
        self.applied = AppliedPositions()
        self.folder = folder / "index"
        self.feed = IndexFeed(self.folder, self.applied)
        self.chance = random.Random(3)
        self.offset = 0

    def commit(self, person_ids: Iterable[str], *, here: bool = True) -> int:
        """Write documents of persons as one cycle; `here` tells the feed, as the lane of this worker does."""
        self.offset += 1
        search = self.all[0].database(P)
        keys = [person_id.encode() for person_id in person_ids]
        for key in keys:
            row = documents.document(self.chance, key.decode()) | {"status": "Active"}
            search.put(key, orjson.dumps(row))
        search.put(OFFSET_KEY, str(self.offset).encode())
        search.put(b"__position__", str(self.offset).encode())
        self.applied.advance(P, self.offset)
        if here:
            self.feed.take(P, {"search": {*keys, b"__position__"}}, self.offset)
        return self.offset

    def persons(self, count: int) -> list[str]:
        return [documents.person_id(self.chance) for _ in range(count)]

    async def indexed(self, position: int) -> list[str]:
        """Whom the index finds once it has reached a position."""
        assert await self.feed.reached(P, position, 10)
        found = await self.feed.ask(P, *listed(selection(Filters()), "", 10_000))
        return [person_id for _, person_id, _ in found]

    @asynccontextmanager
    async def owned(self) -> AsyncIterator[None]:
        await self.feed.own(frozenset({P}), self.all)
        try:
            yield
        finally:
            await self.feed.disown(frozenset({P}))


@pytest.fixture
async def tables(tmp_path: Path) -> AsyncIterator[Tables]:
    one = Tables(tmp_path)
    yield one
    await one.feed.stop()
    assert not list(one.folder.glob("*"))
    for table in one.all:
        table.faust_table.data._dbs.clear()


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The databases that are made."""
    made: list[Path] = []
    build = IndexDatabase.build

    def noted(self: IndexDatabase, *arguments: Any) -> bool:
        made.append(self._path)
        return build(self, *arguments)

    monkeypatch.setattr(IndexDatabase, "build", noted)
    return made


async def test_an_index_holds_what_was_there_and_every_cycle_up_to_its_position(tables: Tables) -> None:
    before = tables.persons(50)
    position = tables.commit(before, here=False)
    async with tables.owned():
        assert await tables.indexed(position) == sorted(before)
        everybody = [*before]
        for _ in range(20):
            new = tables.persons(3)
            everybody += new
            position = tables.commit(new)
            assert await tables.indexed(position) == sorted(everybody)
        assert tables.feed.position(P) == {"partition": P, "stream_sequence": position}
        assert not await tables.feed.reached(P, position + 1, 0.05)


async def test_a_cycle_without_rows_moves_the_position(tables: Tables) -> None:
    async with tables.owned():
        await tables.indexed(0)
        tables.feed.take(P, {"search": ()}, 7)
        assert await tables.feed.reached(P, 7, 5)


async def test_what_is_committed_while_the_index_is_built_is_in_it(tables: Tables) -> None:
    tables.commit(tables.persons(3000), here=False)
    async with tables.owned():
        late = tables.persons(5)
        position = tables.commit(late)
        assert tables.feed.building() == 1
        assert {*late} <= {*await tables.indexed(position)}


async def test_a_partition_that_comes_back_unchanged_keeps_its_index(tables: Tables, built: list[Path]) -> None:
    persons = tables.persons(20)
    async with tables.owned():
        await tables.indexed(tables.commit(persons))
        with pytest.raises(LookupError):
            await tables.feed.ask(0, *listed(selection(Filters()), "", 1))
    # The cycle that was running when the partition was taken away.
    position = tables.commit(persons[:1])
    with pytest.raises(LookupError):
        await tables.feed.ask(P, *listed(selection(Filters()), "", 1))
    async with tables.owned():
        assert await tables.indexed(position) == sorted(persons)

    assert len(built) == 1


async def test_a_partition_that_changed_elsewhere_gets_a_new_index(tables: Tables, built: list[Path]) -> None:
    persons = tables.persons(20)
    async with tables.owned():
        await tables.indexed(tables.commit(persons[:10]))
    position = tables.commit(persons[10:], here=False)
    async with tables.owned():
        assert await tables.indexed(position) == sorted(persons)

    assert len(built) == 2


async def test_an_index_that_fails_is_made_anew(
    tables: Tables, built: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("queries.index.feed.AGAIN_S", 0.01)
    persons = tables.persons(20)
    async with tables.owned():
        await tables.indexed(tables.commit(persons[:10]))
        database = tables.feed._parts[P].database
        assert database is not None
        database._connection.execute("DROP TABLE documents")
        position = tables.commit(persons[10:])
        assert await tables.indexed(position) == sorted(persons)

    assert len(built) == 2
    assert "is built anew" in caplog.text


async def test_a_partition_that_is_gone_leaves_nothing(tables: Tables) -> None:
    tables.folder.mkdir()
    (tables.folder / "7.db").write_bytes(b"of a worker that was killed")
    async with tables.owned():
        await tables.indexed(tables.commit(tables.persons(3)))
        assert [file.name for file in tables.folder.iterdir()] == [f"{P}.db"]
    await tables.feed.own(frozenset(), tables.all)

    assert not list(tables.folder.iterdir())
    assert not await tables.feed.reached(P, 0, 0.01)


async def test_many_cycles_at_once_are_indexed_together(tables: Tables) -> None:
    persons = tables.persons(200)
    async with tables.owned():
        await tables.indexed(0)
        for person_id in persons:
            position = tables.commit([person_id])
            await asyncio.sleep(0)
        assert await tables.indexed(position) == sorted(persons)
        assert tables.feed.backlog() == {P: 0}
