"""The index of one partition and the rows that wait for it. What takes time runs in threads, one call after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from queries.index.database import SOURCES, IndexDatabase, is_id
from queries.index.source import Source

APPLIED_AT_ONCE = 250
"""Rows of one transaction; questions wait behind it."""

Read = Callable[[bytes], bytes | None]
Pending = Mapping[str, set[bytes]]


class IndexedPartition:
    """What `IndexFeed` holds per owned partition."""

    def __init__(self, number: int, sources: Mapping[str, Source] = SOURCES) -> None:
        self.number = number
        self._sources = sources
        self.database: IndexDatabase | None = None
        self.task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        self.changed = asyncio.Event()
        self.unwanted = asyncio.Event()
        self.hurried = asyncio.Event()
        """Somebody waits for rows that wait, or for the end."""
        self.is_level = False
        """Nothing waits and nothing is being indexed."""
        self.position = 0
        self.busy_s = 0.0
        """How long the last rows took."""
        self.offsets: tuple[bytes | None, ...] = ()
        """How far the tables were in their changelogs when rows of them were noted last."""
        self._pending: dict[str, set[bytes]] = {name: set() for name in self._sources}

    @property
    def wanted(self) -> bool:
        """Whether the index is to be kept level; asked from threads too."""
        return not self.unwanted.is_set()

    @property
    def waiting(self) -> int:
        """Rows that are committed and not indexed yet."""
        return sum(map(len, self._pending.values()))

    def note(self, name: str, keys: Iterable[bytes]) -> None:
        """Rows of a table have changed."""
        self._pending[name].update(keys)

    def take(self) -> tuple[int, Pending]:
        """All rows that wait, and the stream sequence that is indexed with them."""
        pending, self._pending = self._pending, {name: set() for name in self._sources}
        return self.position, pending

    def build(self, path: Path, tables: Mapping[str, Iterable[tuple[bytes, bytes]]]) -> bool:
        """Make the database from whole tables; False when nobody wants it any more."""
        self.database = IndexDatabase(path, self._sources)
        return self.database.build(tables, lambda: self.wanted)

    def apply(self, pending: Pending, read: Mapping[str, Read]) -> None:
        """Index rows as their tables hold them now, and take them out of `pending`; stops early when nobody wants the index."""
        assert self.database is not None
        for name, keys in pending.items():
            while keys and self.wanted:
                batch = [keys.pop() for _ in range(min(len(keys), APPLIED_AT_ONCE))]
                self.database.apply(name, {key.decode(): read[name](key) for key in batch if is_id(key)})

    def drop(self) -> None:
        """Throw the database away."""
        database, self.database = self.database, None
        if database is not None:
            database.close()
