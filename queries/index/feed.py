"""Keeps the indexes of a worker level with its tables: builds one per owned partition, and brings it what lane cycles have committed.

Guarantee: `positions` names a stream sequence of a partition only when its index holds every row of the tables up to it. A row is read
from its table when it is indexed, so it does not matter how cycles are put together, or whether a row comes twice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from lanes.failure import stack_of
from lanes.table import OFFSET_KEY, LaneTable
from queries.index.contents import Contents
from queries.index.database import SOURCES, require_fts5
from queries.index.partition import IndexedPartition
from queries.index.source import Source
from tables.position import AppliedPositions

logger = logging.getLogger(__name__)

T = TypeVar("T")

Indexed = Callable[[int, int, int, float], None]
"""Is told that a partition is indexed up to a stream sequence, how many rows that took, and how many seconds."""

LINGER_S = 0.1
"""How long changes are collected while nobody waits for them: a transaction costs as much as several rows, and its thread takes the
interpreter from the lanes."""
REST_SHARE = 6.0
"""How long a partition rests, in times of its last transaction. While events pour in, lanes go first; what waits longer is more often one
row of many changes."""
LONGEST_REST_S = 1.0
WRITERS = 2
READERS = min(4, os.cpu_count() or 2)
AGAIN_S = 1.0


class IndexFeed:
    """The indexes of the partitions that a worker owns. Its methods belong to the event loop; the work is done in threads.

    Raises UnfitSqliteError when SQLite cannot hold an index.
    """

    def __init__(self, folder: Path, applied: AppliedPositions, sources: Mapping[str, Source] = SOURCES) -> None:
        require_fts5()
        self.positions = AppliedPositions()
        self.on_indexed: list[Indexed] = []
        self._folder = folder
        self._tables: Mapping[str, LaneTable] = {}
        self._applied = applied
        self._sources = sources
        self._parts: dict[int, IndexedPartition] = {}
        self._writing = ThreadPoolExecutor(WRITERS, thread_name_prefix="index-write")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="index-read")

    async def own(self, partitions: frozenset[int], tables: Iterable[LaneTable]) -> None:
        """Index partitions whose tables are recovered, and no others; of the tables, those that are indexed are taken.

        A partition that was disowned for a moment keeps its index, unless its tables have changed elsewhere since.
        """
        self._tables = {table.name: table for table in tables if table.name in self._sources}
        if not self._parts:
            # A worker that was killed leaves its indexes behind.
            await _in(self._writing, _remove_all, self._folder)
        for number in self._parts.keys() - partitions:
            await _in(self._writing, self._parts.pop(number).drop)
        for number in partitions:
            part = self._parts.setdefault(number, IndexedPartition(number, self._sources))
            if part.task is None:
                if part.offsets != self._offsets(number):
                    await _in(self._writing, part.drop)
                part.unwanted.clear()
                part.task = asyncio.get_running_loop().create_task(self._run(part), name=f"index {number}")

    async def disown(self, partitions: frozenset[int]) -> None:
        """Rest partitions; nothing asks their indexes and nothing reads their tables any more when it returns."""
        parts = [self._parts[number] for number in partitions & self._parts.keys()]
        for part in parts:
            part.unwanted.set()
            part.hurried.set()
            part.changed.set()
        await asyncio.gather(*(part.task for part in parts if part.task is not None))
        for part in parts:
            part.task = None

    async def stop(self) -> None:
        """Throw everything away."""
        await self.disown(frozenset(self._parts))
        for part in self._parts.values():
            part.drop()
        self._parts.clear()
        self._writing.shutdown(wait=False)
        self._reading.shutdown(wait=False)

    def take(self, partition: int, changed: Mapping[str, Iterable[bytes]], stream_sequence: int) -> None:
        """Note the keys of rows by table that a cycle has committed, and the stream sequence that is applied with it."""
        part = self._parts.get(partition)
        if part is None:
            return
        for name, keys in changed.items():
            part.note(name, keys)
        part.offsets = self._offsets(partition)
        part.position = max(part.position, stream_sequence)
        if part.is_level and not part.waiting:
            self._advance(partition, part.position)
        else:
            part.changed.set()

    async def reached(self, partition: int, stream_sequence: int, timeout_s: float) -> bool:
        """Wait until a partition is indexed up to a stream sequence; False when the time is over first or it is not owned."""
        part = self._parts.get(partition)
        if part is None:
            return False
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        try:
            async with asyncio.timeout_at(until):
                await part.ready.wait()
        except TimeoutError:
            return False
        if stream_sequence > self.positions.applied(partition):
            part.hurried.set()
        return await self.positions.reached(partition, stream_sequence, max(0.0, until - loop.time()))

    def position(self, partition: int) -> dict[str, int]:
        """The indexed position of a partition as it stands in replies."""
        return {"partition": partition, "stream_sequence": self.positions.applied(partition)}

    async def ask(self, partition: int, statement: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The one JSON value that a statement gives on the index of a partition; raises LookupError without an index."""
        part = self._parts.get(partition)
        if part is None or part.database is None or not part.ready.is_set():
            raise LookupError(f"no index of partition {partition}")
        return await _in(self._reading, part.database.ask, statement, parameters or {})

    async def contents(self, partition: int, ids: Sequence[str]) -> Contents:
        """What the index of a partition holds of some ids; raises LookupError without an index."""
        part = self._parts.get(partition)
        if part is None or part.database is None or not part.ready.is_set():
            raise LookupError(f"no index of partition {partition}")
        return await _in(self._reading, part.database.contents, ids)

    def backlog(self) -> Mapping[int, int]:
        """Rows per partition that are committed and not indexed yet."""
        return {number: part.waiting for number, part in sorted(self._parts.items())}

    def building(self) -> int:
        """Partitions whose index is being built."""
        return sum(not part.ready.is_set() for part in self._parts.values())

    async def _run(self, part: IndexedPartition) -> None:
        while part.wanted:
            try:
                if part.database is None:
                    await self._build(part)
                if part.database is not None:
                    part.ready.set()
                while part.wanted:
                    await self._follow(part)
            except Exception as error:
                logger.error("the index of partition %s is built anew: %s", part.number, stack_of(error))
                part.ready.clear()
                await _in(self._writing, part.drop)
                await asyncio.sleep(AGAIN_S)
            finally:
                part.ready.clear()
                part.is_level = False

    async def _build(self, part: IndexedPartition) -> None:
        # What is committed while the tables are read comes once more by `take`.
        position = self._applied.applied(part.number)
        part.offsets = self._offsets(part.number)
        tables = {name: table.rows(part.number) for name, table in self._tables.items()}
        if await _in(self._writing, part.build, self._folder / f"{part.number}.db", tables):
            self._advance(part.number, position)
        else:
            await _in(self._writing, part.drop)

    async def _follow(self, part: IndexedPartition) -> None:
        part.is_level = not part.waiting
        if part.is_level:
            self._advance(part.number, part.position)
        await part.changed.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(LINGER_S, min(REST_SHARE * part.busy_s, LONGEST_REST_S))):
                await part.hurried.wait()
        if not part.wanted:
            return
        part.hurried.clear()
        part.changed.clear()
        part.is_level = False
        rows = part.waiting
        position, pending = part.take()
        read = {name: table.database(part.number).get for name, table in self._tables.items()}
        started = time.perf_counter()
        await _in(self._writing, part.apply, pending, read)
        part.busy_s = time.perf_counter() - started
        if any(pending.values()):
            for name, keys in pending.items():
                part.note(name, keys)
        else:
            self._advance(part.number, position, rows, part.busy_s)

    def _advance(self, partition: int, stream_sequence: int, rows: int = 0, seconds: float = 0.0) -> None:
        self.positions.advance(partition, stream_sequence)
        for tell in self.on_indexed:
            tell(partition, stream_sequence, rows, seconds)

    def _offsets(self, partition: int) -> tuple[bytes | None, ...]:
        """How far the tables of a partition are in their changelogs: equal offsets are equal rows."""
        return tuple(table.get(partition, OFFSET_KEY) for table in self._tables.values())


def _remove_all(folder: Path) -> None:
    for file in folder.glob("*.db*"):
        file.unlink()


async def _in(pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
