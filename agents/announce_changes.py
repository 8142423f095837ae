"""Agent announce_changes: what a cycle on person.events has committed, handed to the readers of live changes; no work without them."""

from __future__ import annotations

from collections.abc import Sequence

from agents.reading import decoded
from lanes.agent import Batch, LaneAgent
from lanes.table import LaneTable
from tables.recent_changes import RecentChanges


class AnnounceChanges(LaneAgent):
    """Hands over references to the committed rows of the models that can be followed."""

    name = "announce_changes"

    def __init__(self, followed: Sequence[LaneTable], changes: RecentChanges) -> None:
        self._followed = followed
        self._changes = changes

    async def process(self, batch: Batch) -> None:
        """Nothing: only what is durable is announced."""

    async def committed(self, batch: Batch) -> None:
        """Hand the rows over."""
        if self._changes.is_listened_to(batch.partition):
            staged = {table.name: batch.view(table).staged for table in self._followed}
            self._changes.add(batch.partition, staged, decoded(batch).last_stream_sequence)

    def forget(self, partition: int) -> None:
        """Drop what was handed over: the partition may have moved meanwhile."""
        self._changes.forget(partition)
