"""The group commit: every table that a lane cycle touched becomes durable in one produce request, then visible.

Guarantee: a row is given to its table only after its changelog record is acknowledged by all in-sync replicas, together
with the changelog offset, so recovery resumes exactly behind what the database holds. Nothing is visible before it is durable."""

from __future__ import annotations

import time
from collections.abc import Iterable

from lanes.fenced_producer import FencedProducer
from lanes.producer import OutgoingBatch
from lanes.table import TableView


async def group_commit(
    producer: FencedProducer, partition: int, views: Iterable[TableView], *, source: OutgoingBatch | None = None
) -> list[int]:
    """Make the staged rows of one partition durable and visible, together with source records that are not in the log yet.

    Returns the offsets of the source records. Raises the producer's error when a record is not acknowledged, FencedError when the
    partition has another owner by now; then no table was changed.
    """
    dirty = [view for view in views if view.staged]
    sources = [source] if source is not None and source.records else []
    if not dirty and not sources:
        return []
    now = int(time.time() * 1000)
    changelogs = [
        OutgoingBatch(
            view.table.changelog_topic,
            partition,
            [(key, value, now, ()) for key, value in view.staged.items()],
        )
        for view in dirty
    ]
    offsets = await producer.write(partition, [*sources, *changelogs])
    written = offsets.pop(0) if sources else []
    for view, acknowledged in zip(dirty, offsets, strict=True):
        view.table.commit(partition, view.staged, acknowledged[-1])
    return written
