"""Agent mark_position: how far the cycle brings the partition, as the last row of every table on person.events.

Guarantee: a table that holds its position holds every row up to it, also when a kill cut its changelog within a cycle."""

from __future__ import annotations

from collections.abc import Sequence

from agents.reading import decoded
from lanes.agent import Batch, LaneAgent
from lanes.table import LaneTable
from tables import position
from tables.position import AppliedPositions


class MarkPosition(LaneAgent):
    """Stages the position of each table behind its rows and tells readers of it; runs behind all other agents of the lane."""

    name = "mark_position"

    def __init__(self, tables: Sequence[LaneTable], positions: AppliedPositions) -> None:
        self.tables = tuple(tables)
        self._positions = positions

    async def process(self, batch: Batch) -> None:
        """Stage the last stream sequence of the cycle, if it leads on."""
        # In every model of the lane: after a crash between two of them the slower one tells how far all are.
        last = decoded(batch).last_stream_sequence
        if last > self._positions.applied(batch.partition):
            for table in self.tables:
                position.stage(batch.view(table), last)

    async def committed(self, batch: Batch) -> None:
        """Let readers of their own writes go on: every agent has been told of the cycle, also who is parked by it."""
        self._positions.advance(batch.partition, decoded(batch).last_stream_sequence)
