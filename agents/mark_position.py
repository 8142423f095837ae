"""Agent mark_position: how far the cycle brings the partition, as the last row of every table that the cycle writes.

Guarantee: a table that holds its position holds every row up to it, also when a kill cut its changelog within a cycle; and from the rows
of all tables it can be told how far all of them are, though none is written without need (ADR 0028)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.reading import decoded
from lanes.agent import Batch, LaneAgent
from lanes.table import LaneTable
from tables import position
from tables.position import AppliedPositions, TablePosition


class MarkPosition(LaneAgent):
    """Stages the position of each table behind its rows and tells readers of it; runs behind all other agents of the lane."""

    name = "mark_position"

    def __init__(self, tables: Sequence[LaneTable], positions: AppliedPositions) -> None:
        self.tables = tuple(tables)
        self._positions = positions
        self._eras: dict[int, int] = {}
        self._written: dict[int, Mapping[str, int]] = {}

    async def process(self, batch: Batch) -> None:
        """Stage the last stream sequence of the cycle, if it leads on."""
        last = decoded(batch).last_stream_sequence
        if last <= self._positions.applied(batch.partition):
            return
        partition = batch.partition
        before = self._written.get(partition)
        if before is None:
            # What this owner knows of the tables has to be in each of them before it can leave any out.
            self._eras[partition] = self._next_era(partition)
            before, views = {}, [batch.view(table) for table in self.tables]
        else:
            views = [view for table in self.tables if (view := batch.view(table)).staged]
        if not views:
            views = [batch.view(self.tables[0])]
        written = {**before, **{view.table.name: last for view in views}}
        row = position.encode(TablePosition(last, self._eras[partition], written))
        for view in views:
            position.stage(view, row)
        batch.once("written", lambda: written)

    async def committed(self, batch: Batch) -> None:
        """Let readers of their own writes go on: every agent has been told of the cycle, also who is parked by it."""
        written = batch.once("written", _nothing)
        if written is not None:
            self._written[batch.partition] = written
        self._positions.advance(batch.partition, decoded(batch).last_stream_sequence)

    def forget(self, partition: int) -> None:
        """End the era: another owner may have written since, or a cycle has failed of which some tables may hold rows."""
        self._written.pop(partition, None)

    def _next_era(self, partition: int) -> int:
        found = (position.find(table, partition).era for table in self.tables)
        return max(self._eras.get(partition, 0), *found) + 1


def _nothing() -> None:
    return None
