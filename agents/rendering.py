"""What all agents share that render the state of a person into one row: when a row is due, from which state, and what becomes of a state that cannot be rendered.

Guarantee: a row is rendered once per person and cycle, from the last state of the cycle, and only when an event came that changes the
model; a row that lags behind the state, after a crash between two tables or a redrive, is rendered when its events come again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from agents.fold_persons import PERSONS_AT_ONCE, FoldedPerson, Step, folded_persons
from agents.portraits import portrait_in, portraits
from agents.quarantine import Quarantine, Ward
from agents.reading import Arrival
from domain.views.changed_by import ChangedBy, changes
from domain.views.model import RenderedModel
from domain.views.portrait import Portrait, Row
from lanes.agent import Batch, LaneAgent
from lanes.table import TableView
from tables import rendered
from tables.rendered import RenderedTable


class Due(NamedTuple):
    """A row that is to be rendered: the state, the place of the last event that changes it, and the events since the row was made."""

    view: TableView
    portrait: Portrait
    sequence: int
    stream_sequence: int
    again: Sequence[Arrival]
    steps: Sequence[Step]

    @property
    def arrivals(self) -> Sequence[Arrival]:
        """The events since the row was made, in order."""
        return [*self.again, *[step.arrival for step in self.steps]]


class ModelAgent(LaneAgent):
    """Keeps one row per person; what fold_persons has not folded is not rendered."""

    changed_by: ChangedBy

    def __init__(self, table: RenderedTable, quarantine: Quarantine, *, max_row_bytes: int) -> None:
        self.tables = (table.table,)
        self._table = table.table
        self._quarantine = quarantine
        self._max_row_bytes = max_row_bytes

    def render(self, due: Due) -> Row | None:
        """The row, or None for a person that has none."""
        raise NotImplementedError

    async def process(self, batch: Batch) -> None:
        """Stage a row per person for which one is due."""
        view = batch.view(self._table)
        ward = self._quarantine.ward(batch, self.name)
        seen = portraits(batch)
        for number, (person_id, folded) in enumerate(folded_persons(batch).items(), 1):
            if not number % PERSONS_AT_ONCE:
                await asyncio.sleep(0)
            steps, again = folded.steps, folded.again
            if ward.concerned:
                both = [*again, *(step.arrival for step in steps)]
                admitted = ward.admit(person_id, both)
                steps = steps[: max(0, len(admitted) - len(again))]
                again = admitted[: len(again)]
            if again:
                self._render_again(view, ward, folded, again, seen)
            if steps and not ward.parks(person_id):
                self._render_steps(view, ward, steps, seen)

    def _render_steps(self, view: TableView, ward: Ward, steps: Sequence[Step], seen: dict[str, Portrait]) -> None:
        last = self._last(steps)
        if last is None:
            return
        portrait = portrait_in(seen, steps[-1].row.person)
        if self._refusal(_due(view, portrait, steps, last)) is None:
            return
        for index, step in enumerate(steps):
            if not self._changes(step.arrival):
                continue
            refusal = self._refusal(_due(view, Portrait(step.row.person), steps[: index + 1], index))
            if refusal is not None:
                ward.park(step.row.person.person_id, [one.arrival for one in steps[index:]], refusal)
                return

    def _render_again(
        self, view: TableView, ward: Ward, folded: FoldedPerson, again: Sequence[Arrival], seen: dict[str, Portrait]
    ) -> None:
        """Render a state whose events came before, if its row lags; they come again now, up to the one that made the state."""
        person = folded.before.person
        last = next((one for one in reversed(again) if self._changes(one)), None)
        if last is None:
            return
        sequence = person.version if last.event is None else last.event.sequence
        if self._sequence(view, person.person_id) >= sequence:
            return
        refusal = self._refusal(Due(view, portrait_in(seen, person), sequence, last.stream_sequence, again, ()))
        if refusal is not None:
            poison = again if ward.redriven(person.person_id) else again[-1:]
            ward.park(person.person_id, [*poison, *(step.arrival for step in folded.steps)], refusal)

    def _last(self, steps: Sequence[Step]) -> int | None:
        last = len(steps) - 1
        while last >= 0 and not self._changes(steps[last].arrival):
            last -= 1
        return last if last >= 0 else None

    def _changes(self, arrival: Arrival) -> bool:
        event = arrival.event
        # What was discarded may have been anything, and the version of the person has moved over it.
        return event is None or arrival.discarded is not None or changes(self.changed_by, event.data)

    def _refusal(self, due: Due) -> Exception | None:
        try:
            rendered.stage(
                due.view,
                due.portrait.person.person_id,
                self.render(due),
                sequence=due.sequence,
                stream_sequence=due.stream_sequence,
                max_bytes=self._max_row_bytes,
            )
        except Exception as error:
            return error
        return None

    @staticmethod
    def _sequence(view: TableView, person_id: str) -> int:
        row = rendered.find(view, person_id)
        return 0 if row is None else int(row["sequence"])


class RenderingAgent(ModelAgent):
    """Keeps the rows of a model that is a function of the state alone."""

    model: RenderedModel

    def __init_subclass__(cls) -> None:
        cls.changed_by = cls.model.changed_by

    def render(self, due: Due) -> Row | None:
        """The rendering of the state."""
        return self.model.render(due.portrait)


def _due(view: TableView, portrait: Portrait, steps: Sequence[Step], last: int) -> Due:
    step = steps[last]
    return Due(view, portrait, step.row.person.version, step.row.stream_sequence, (), steps)
