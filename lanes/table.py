"""A Faust table that lanes write: bytes in, bytes out, in the key, value and offset formats of Faust's own RocksDB store.

Guarantee: what `TableView` stages becomes visible only through the group commit of its lane cycle. Rows of small cycles wait in memory until a
write to RocksDB pays; every read sees them, and the changelog has them, so that nothing is lost with the memory (ADR 0028)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import takewhile
from typing import Any

import faust
from rocksdict import WriteBatch, WriteOptions

from lanes.table_memory import SharedMemoryTable, TableMemory

OFFSET_KEY = b"__faust\0offset__"
"""Where Faust's RocksDB store keeps the changelog offset that a partition's database has applied."""

WAITING_ROWS = 64
WAITING_BYTES = 256 << 10
"""What a partition of a table keeps in memory at most before it is written to RocksDB."""

WITHOUT_WAL = WriteOptions()
"""The changelog is the write-ahead log of a table. Rows and their changelog offset reach the files together, so after a kill a
database is an older state of itself, and recovery goes on behind it."""
WITHOUT_WAL.disable_wal = True

ROWS_AND_BYTES = ("rocksdb.estimate-num-keys", "rocksdb.total-sst-files-size")

Rows = Mapping[bytes, bytes | None]
"""Values by key; None marks a removal."""


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
        self._waiting: dict[int, dict[bytes, bytes | None]] = {}
        self._waiting_bytes: dict[int, int] = {}
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
        """The RocksDB database of one partition with all committed rows in it, opened on first use.

        It misses what is committed later, until it is asked for again.
        """
        self.write_out(partition)
        return self._stored(partition)

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The committed value of a key, or None."""
        waiting = self._waiting.get(partition)
        if waiting and key in waiting:
            return waiting[key]
        value: bytes | None = self._stored(partition).get(key)
        return value

    def reading(self, partition: int) -> tuple[Rows, Callable[[bytes], bytes | None]]:
        """The two places of the committed rows until the lane ends: those that wait, to be asked first, and the database."""
        return self._waiting.setdefault(partition, {}), self._stored(partition).get

    def scan(
        self, partition: int, prefix: bytes, *, start: bytes | None = None, backwards: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Committed rows whose key begins with `prefix`, in key order or against it, from `start` on."""
        first = start or (prefix + b"\xff" if backwards else prefix)
        items = self.database(partition).items(backwards=backwards, from_key=first)
        return takewhile(lambda row: row[0].startswith(prefix), items)

    def rows(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """All committed rows of a partition in key order, Faust's and the lane's own bookkeeping left out.

        They may be read in another thread.
        """
        return ((key, value) for key, value in self.database(partition).items() if not key.startswith(b"__"))

    def size(self, partition: int) -> tuple[int, int]:
        """Rows of a partition as RocksDB estimates them, those that wait left out, and bytes of its files; nothing is read for it."""
        database = self._stored(partition)
        rows, size = (database.property_int_value(name) for name in ROWS_AND_BYTES)
        return rows or 0, size or 0

    def commit(self, partition: int, rows: Rows, offset: int) -> None:
        """Make rows visible that the changelog holds up to `offset`."""
        waiting = self._waiting.setdefault(partition, {})
        waiting.update(rows)
        waiting[OFFSET_KEY] = b"%d" % offset
        size = self._waiting_bytes.get(partition, 0) + sum(map(len, filter(None, rows.values())))
        self._waiting_bytes[partition] = size
        if len(waiting) > WAITING_ROWS or size > WAITING_BYTES:
            self.write_out(partition)

    def write_out(self, partition: int) -> None:
        """Write the rows that wait to RocksDB, with the offset up to which the changelog is in them."""
        waiting = self._waiting.get(partition)
        if not waiting:
            return
        batch = WriteBatch(raw_mode=True)
        for key, value in waiting.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self._stored(partition).write(batch, WITHOUT_WAL)
        waiting.clear()
        self._waiting_bytes[partition] = 0

    def leave(self, partition: int) -> None:
        """Write out what waits and keep nothing in memory: from now on somebody else may write the database.

        What cannot be written is forgotten; whoever recovers the partition has it from the changelog.
        """
        try:
            self.write_out(partition)
        finally:
            self._waiting.pop(partition, None)
            self._waiting_bytes.pop(partition, None)

    def _stored(self, partition: int) -> Any:
        return self.faust_table.data._db_for_partition(partition)


class TableView:
    """What one lane cycle sees of a table: committed rows overlaid with the rows staged by this cycle."""

    __slots__ = ("_read", "_staged", "_waiting", "partition", "table")

    def __init__(self, table: LaneTable, partition: int) -> None:
        self.table = table
        self.partition = partition
        self._staged: dict[bytes, bytes | None] = {}
        self._waiting: Rows = {}
        self._read: Callable[[bytes], bytes | None] | None = None

    def get(self, key: bytes) -> bytes | None:
        """The staged value of a key if this cycle wrote it, else the committed one."""
        if key in self._staged:
            return self._staged[key]
        if self._read is None:
            # The way to a database through Faust's table costs as much as the reading.
            self._waiting, self._read = self.table.reading(self.partition)
        return self._waiting[key] if key in self._waiting else self._read(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Stage a row."""
        self._staged[key] = value

    def delete(self, key: bytes) -> None:
        """Stage the removal of a row (a tombstone in the changelog)."""
        self._staged[key] = None

    @property
    def staged(self) -> Rows:
        """Rows staged so far, last write per key."""
        return self._staged
