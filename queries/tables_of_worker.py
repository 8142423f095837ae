"""What queries read on this worker: its tables and how far each owned partition has applied the stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents.reading import EventLog
from tables.outcomes import OutcomesTable
from tables.persons import PersonsTable
from tables.position import AppliedPositions, read
from tables.quarantine import QuarantineTable
from tables.summary import SummaryTable
from tables.timeline import TimelineTable


@dataclass(frozen=True)
class WorkerTables:
    """The tables and positions of one worker. `owned` gives the partitions that it owns with recovered tables."""

    partitions: int
    persons: PersonsTable
    summary: SummaryTable
    timeline: TimelineTable
    outcomes: OutcomesTable
    quarantine: QuarantineTable
    positions: AppliedPositions
    log: EventLog
    owned: Callable[[], frozenset[int]]

    def load_position(self, partition: int) -> None:
        """Learn from the recovered tables how far a partition is applied: as far as the slowest of them."""
        applied = min(read(model.table, partition) for model in (self.persons, self.summary, self.timeline))
        self.positions.advance(partition, applied)

    def position(self, partition: int) -> dict[str, int]:
        """The applied position of a partition as it stands in replies."""
        return {"partition": partition, "stream_sequence": self.positions.applied(partition)}
