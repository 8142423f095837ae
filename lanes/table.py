"""A Faust table that lanes write: bytes in, bytes out, in the key, value and offset formats of Faust's own RocksDB store.

Guarantee: what `TableView` stages becomes visible only through the group commit of its lane cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import faust

from lanes.table_memory import SharedMemoryTable, TableMemory

OFFSET_KEY = b"__faust\0offset__"
"""Where Faust's RocksDB store keeps the changelog offset that a partition's database has applied."""


def raw_schema() -> faust.Schema:
    """Keys and values as bytes, for tables and for topics whose records lanes decode themselves."""
    return faust.Schema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


class LaneTable:
    """A changelog table owned by one lane per partition; readers on the same worker use `get` and `scan`."""

    def __init__(
        self,
        app: faust.App,
        name: str,
        *,
        about: str = "",
        partitions: int,
        memory: TableMemory,
    ) -> None:
        self.name = name
        self.faust_table = SharedMemoryTable(
            app,
            name=name,
            memory=memory,
            beacon=app.tables.beacon,
            key_type=bytes,
            value_type=bytes,
            schema=raw_schema(),
            help=about,
            partitions=partitions,
            options={"driver": "rocksdict"},
        )
        app.tables.add(self.faust_table)

    @cached_property
    def changelog_topic(self) -> str:
        """Name of the compacted topic that makes this table durable."""
        return str(self.faust_table.changelog_topic.get_topic_name())

    def database(self, partition: int) -> Any:
        """The RocksDB database of one partition, opened on first use."""
        return self.faust_table.data._db_for_partition(partition)

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The committed value of a key, or None."""
        value: bytes | None = self.database(partition).get(key)
        return value

    def scan(
        self, partition: int, prefix: bytes, *, start: bytes | None = None, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Committed rows whose key begins with `prefix`, in key order or against it, from `start` on."""
        first = start or (prefix + b"\xff" if backwards else prefix)
        for key, value in self.database(partition).items(backwards=backwards, from_key=first):
            if not key.startswith(prefix):
                return
            yield key, value

    def rows(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """All committed rows of a partition in key order, Faust's and the lane's own bookkeeping left out."""
        for key, value in self.database(partition).items():
            if not key.startswith(b"__"):
                yield key, value


class TableView:
    """What one lane cycle sees of a table: committed rows overlaid with the rows staged by this cycle."""

    __slots__ = ("_read", "_staged", "partition", "table")

    def __init__(self, table: LaneTable, partition: int) -> None:
        self.table = table
        self.partition = partition
        self._staged: dict[bytes, bytes | None] = {}
        self._read: Callable[[bytes], bytes | None] | None = None

    def get(self, key: bytes) -> bytes | None:
        """The staged value of a key if this cycle wrote it, else the committed one."""
        if key in self._staged:
            return self._staged[key]
        if self._read is None:
            # The way to a database through Faust's table costs as much as the reading.
            self._read = self.table.database(self.partition).get
        return self._read(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a row."""
        self._staged[key] = value

    def delete(self, key: bytes) -> None:
        """Stage the removal of a row (a tombstone in the changelog)."""
        self._staged[key] = None

    @property
    def staged(self) -> Mapping[bytes, bytes | None]:
        """Rows staged so far, last write per key; None marks a removal."""
        return self._staged
