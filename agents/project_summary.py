"""Agent project_summary: the state of each touched person, rendered into table `summary` (domain.md 16.2)."""

from __future__ import annotations

from collections.abc import Sequence

from agents.fold_persons import FoldedPerson, folded_persons
from agents.quarantine import Quarantine, Ward
from agents.reading import Arrival, decoded
from lanes.agent import Batch, LaneAgent
from lanes.table import TableView
from tables import summary
from tables.persons import PersonRow
from tables.summary import SummaryTable


class ProjectSummary(LaneAgent):
    """Renders the summary row of each person that a cycle touched; what fold_persons has not folded is not rendered."""

    name = "project_summary"

    def __init__(self, table: SummaryTable, quarantine: Quarantine, *, max_row_bytes: int) -> None:
        self.tables = (table.table,)
        self._table = table
        self._quarantine = quarantine
        self._max_row_bytes = max_row_bytes

    async def process(self, batch: Batch) -> None:
        """Stage a row per person that changed, and per person whose row lags after a crash between two tables or a redrive."""
        view = batch.view(self._table.table)
        ward = self._quarantine.ward(batch, self.name)
        by_person = decoded(batch).by_person
        for person_id, folded in folded_persons(batch).items():
            if folded.steps:
                self._render_steps(view, ward, folded)
            elif summary.sequence(view, person_id) < folded.row.person.version:
                self._render_lagging(view, ward, folded.row, by_person[person_id])

    def _render_steps(self, view: TableView, ward: Ward, folded: FoldedPerson) -> None:
        person_id = folded.row.person.person_id
        admitted = ward.admit(person_id, [step.arrival for step in folded.steps])
        steps = folded.steps[: len(admitted)]
        if not steps or self._refusal(view, steps[-1].row) is None:
            return
        for index, step in enumerate(steps):
            refusal = self._refusal(view, step.row)
            if refusal is not None:
                ward.park(person_id, admitted[index:], refusal)
                return

    def _render_lagging(self, view: TableView, ward: Ward, row: PersonRow, arrivals: Sequence[Arrival]) -> None:
        """Render a state whose events came before; most of the time they come again now, up to the one that made the state."""
        person_id = row.person.person_id
        known = [one for one in arrivals if one.stream_sequence <= row.stream_sequence]
        admitted = ward.admit(person_id, known or arrivals[:1])
        if admitted and (refusal := self._refusal(view, row)) is not None:
            ward.park(person_id, admitted if ward.redriven(person_id) else admitted[-1:], refusal)

    def _refusal(self, view: TableView, row: PersonRow) -> Exception | None:
        try:
            summary.stage(view, row.person, row.stream_sequence, self._max_row_bytes)
        except Exception as error:
            return error
        return None
