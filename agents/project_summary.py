"""Agent project_summary: the state of each touched person, rendered into table `summary` (domain.md 16.2)."""

from __future__ import annotations

from agents.containment import contained
from agents.fold_persons import folded_persons
from agents.reading import decoded
from bridge.dead_letters import DeadLetters
from lanes.agent import Batch, LaneAgent
from tables import summary
from tables.summary import SummaryTable


class ProjectSummary(LaneAgent):
    """Renders the summary row of each person that a cycle touched."""

    name = "project_summary"

    def __init__(self, table: SummaryTable, letters: DeadLetters) -> None:
        self.tables = (table.table,)
        self._table = table
        self._letters = letters

    async def process(self, batch: Batch) -> None:
        """Stage a row per person that changed, and per person whose row lags after a crash between two tables."""
        view = batch.view(self._table.table)
        for person_id, (row, changed) in folded_persons(batch).items():
            last = decoded(batch).by_person[person_id][-1].record
            async with contained(self._letters, self.name, last):
                if changed or summary.sequence(view, person_id) < row.person.version:
                    summary.stage(view, row.person, row.stream_sequence)
