"""What queries read on this worker: its tables and how far each owned partition has applied the stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.reading import EventLog
from lanes.table import LaneTable
from queries.index.feed import IndexFeed
from queries.processes import Processes
from tables.network import NetworkTable
from tables.outcomes import OutcomesTable
from tables.persons import PersonsTable
from tables.policies import PoliciesTable
from tables.position import AppliedPositions, find, reached
from tables.quarantine import QuarantineTable
from tables.recent_changes import RecentChanges
from tables.search import SearchTable
from tables.skills import SkillsTable
from tables.statistics import StatisticsTable
from tables.summary import SummaryTable
from tables.timeline import TimelineTable
from tables.views import ViewsTable

if TYPE_CHECKING:
    from queries.dead_letters.desk import DeadLetterDesk


@dataclass(frozen=True)
class WorkerTables:
    """The tables and positions of one worker. `owned` gives the partitions that it owns with recovered tables."""

    partitions: int
    persons: PersonsTable
    summary: SummaryTable
    search: SearchTable
    skills: SkillsTable
    network: NetworkTable
    views: ViewsTable
    timeline: TimelineTable
    statistics: StatisticsTable
    outcomes: OutcomesTable
    policies: PoliciesTable
    quarantine: QuarantineTable
    positions: AppliedPositions
    log: EventLog
    owned: Callable[[], frozenset[int]]
    changes: RecentChanges = field(default_factory=RecentChanges)
    index: IndexFeed | None = None
    """What is derived from the tables for searching; a worker without it answers no search."""
    processes: Processes | None = None
    """What is read of sagas and policies; a worker without it answers nothing about them."""
    dead_letters: DeadLetterDesk | None = None
    """Where operators bring dead letters; a worker without it answers nothing about them."""
    max_row_bytes: int = 1 << 20
    """The largest row that an agent may write."""

    def load_position(self, partition: int) -> None:
        """Learn from the recovered tables how far a partition is applied: as far as all of them are."""
        self.positions.advance(partition, reached({table.name: find(table, partition) for table in self.on_events()}))

    def on_events(self) -> tuple[LaneTable, ...]:
        """The tables that are folds of person.events, the write side first."""
        models = (
            self.persons,
            self.summary,
            self.search,
            self.skills,
            self.network,
            self.views,
            self.timeline,
            self.statistics,
        )
        return tuple(model.table for model in models)

    def position(self, partition: int) -> dict[str, int]:
        """The applied position of a partition as it stands in replies."""
        return {"partition": partition, "stream_sequence": self.positions.applied(partition)}
