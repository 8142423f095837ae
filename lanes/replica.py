"""The local copy of one changelog partition: the RocksDB database of a table partition, in Faust's formats.

Guarantee: rows and the changelog offset that they reflect are written together, so a copy that was cut off anywhere goes on
behind what it holds. `apply` never waits in RocksDB, which would hold up the heartbeats of the worker."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from faust.stores.rocksdb import Store
from faust.types import TP
from rocksdict import WriteBatch, WriteOptions

from lanes.table import OFFSET_KEY

logger = logging.getLogger(__name__)

STALL_PAUSE_S = 0.02
WRITE_STALL = "Write stall"
"""What RocksDB says when a write would have to wait for a compaction."""


class Replica:
    """Applies changelog records to the database of one table partition."""

    def __init__(self, table: str, store: Store, tp: TP) -> None:
        self.table = table
        self.tp = tp
        self.next_offset = 0
        self.end = 0
        self._store = store
        self._without_waiting = WriteOptions()
        self._without_waiting.no_slowdown = True
        # As the group commit does. A log of some writes only would bring an offset back after a kill, and not the rows before it.
        self._without_waiting.disable_wal = True

    @property
    def rows_to_go(self) -> int:
        """Changelog offsets between this copy and the known end of its changelog; an upper bound of the rows."""
        return max(0, self.end - self.next_offset)

    def open(self, earliest: int, end: int) -> None:
        """Open the database and find where to go on in a changelog that holds the offsets from `earliest` up to before `end`.

        A copy that does not belong to this changelog is removed and built again: a topic that was made again ends below what the
        copy holds, and in one that was cut the removals before `earliest` are unknown.
        """
        self.end = end
        found = self._database().get(OFFSET_KEY)
        self.next_offset = earliest if found is None else int(found) + 1
        if self.next_offset > end:
            self._rebuild(earliest, f"its changelog ends at offset {end - 1}: the topic was made again")
        elif self.next_offset < earliest:
            self._rebuild(earliest, f"its changelog begins at offset {earliest}: records between were removed")

    async def apply(self, records: Sequence[Any]) -> None:
        """Write the records of one fetch in one batch: the last row of each key, and the offset of the last record."""
        rows: Mapping[bytes, bytes | None] = {record.key: record.value for record in records}
        last = records[-1].offset
        while True:
            batch = WriteBatch(raw_mode=True)
            for key, value in rows.items():
                if value is None:
                    batch.delete(key)
                else:
                    batch.put(key, value)
            batch.put(OFFSET_KEY, b"%d" % last)
            try:
                self._database().write(batch, self._without_waiting)
                break
            except Exception as error:  # rocksdict raises nothing more special
                if WRITE_STALL not in str(error):
                    raise
            # Compaction is behind; the event loop and the consumer's heartbeats go on meanwhile.
            await asyncio.sleep(STALL_PAUSE_S)
        self.advance(last + 1)

    def advance(self, next_offset: int) -> None:
        """Go on at an offset; what lies before it has no more rows."""
        self.next_offset = max(self.next_offset, next_offset)

    def _database(self) -> Any:
        return self._store._db_for_partition(self.tp.partition)

    def _rebuild(self, earliest: int, reason: str) -> None:
        logger.error(
            "table %s, partition %s: the local copy is removed and built again. It holds offset %s, but %s",
            self.table,
            self.tp.partition,
            self.next_offset - 1,
            reason,
        )
        self._database().close()
        del self._store._dbs[self.tp.partition]
        shutil.rmtree(self._store.partition_path(self.tp.partition))
        self._database()
        self.next_offset = earliest
