"""The group commit: every table that a lane cycle touched becomes durable in one produce request, then visible.

Guarantee: a row is written to RocksDB only after its changelog record is acknowledged by all in-sync replicas, together
with the changelog offset, so recovery resumes exactly behind what the database holds. Nothing is visible before it is durable."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rocksdict import WriteBatch

from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from lanes.table import OFFSET_KEY, TableView


async def group_commit(producer: DurableProducer, partition: int, views: Iterable[TableView]) -> None:
    """Make the staged rows of one partition durable and visible.

    Raises the producer's error when a changelog record is not acknowledged; then no table was changed.
    """
    dirty = [view for view in views if view.staged]
    if not dirty:
        return
    now = int(time.time() * 1000)
    offsets = await producer.write(
        OutgoingBatch(
            view.table.changelog_topic,
            partition,
            [OutgoingRecord(key, value, now) for key, value in view.staged.items()],
        )
        for view in dirty
    )
    for view, acknowledged in zip(dirty, offsets, strict=True):
        batch = WriteBatch(raw_mode=True)
        for key, value in view.staged.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(OFFSET_KEY, str(acknowledged[-1]).encode())
        view.table.database(partition).write(batch)
