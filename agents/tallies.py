"""What one cycle counts on which day, and how a row tells which events are in it.

Guarantee: an event is in a row once. Events come in the order of the stream, up to the row's position, or late: then the row names person
and event."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date

from agents.reading import Arrival
from domain.events import Event
from domain.person import Person
from domain.views.statistics import change_of, day_of
from lanes.table import TableView
from tables import statistics
from tables.statistics import DayRow

DAYS_KEPT = 64
"""Rows of a partition that are kept decoded."""


@dataclass
class Tally:
    """The row of a day in one cycle: what it reached before the cycle, and when this worker first read it."""

    row: DayRow
    committed: int
    recovered: int
    counted: bool = False

    def lacks_new(self, arrival: Arrival, person_id: str, *, late: bool) -> bool:
        """Whether an event that fold_persons has just folded is still to be counted.

        Persons may lag behind this table after a kill, which only what was there at the start can tell from a log out of order.
        """
        return self._lacks(arrival, person_id, 0 if late else self.recovered)

    def lacks_old(self, arrival: Arrival, person_id: str, *, late: bool) -> bool:
        """Whether an event that was folded before this cycle is still to be counted."""
        return self._lacks(arrival, person_id, 0 if late else self.committed)

    def _lacks(self, arrival: Arrival, person_id: str, in_order: int) -> bool:
        late = self.row.late
        return arrival.stream_sequence > in_order and (not late or arrival.stream_sequence > late.get(person_id, 0))

    def count(self, before: Person, event: Event, after: Person, stream_sequence: int, *, late: bool) -> None:
        """Add an event between two states to the counts and note that it is in them."""
        self.row.counts.add(change_of(before, event, after))
        self.counted = True
        if late:
            self.row.late[event.person_id] = stream_sequence
        elif stream_sequence > self.row.stream_sequence:
            self.row.stream_sequence = stream_sequence


class Days:
    """The rows of one partition, kept decoded as they were committed last."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, DayRow] = OrderedDict()
        self._recovered: dict[str, int] = {}

    def tally(self, view: TableView, day: str) -> Tally:
        """A copy of the row for one cycle to count in."""
        known = self._rows.get(day)
        row = statistics.find(view, day) if known is None else known.copy()
        recovered = self._recovered.setdefault(day, row.stream_sequence)
        return Tally(row, row.stream_sequence, recovered)

    def remember(self, day: str, row: DayRow) -> None:
        """Keep a committed row."""
        self._rows[day] = row
        self._rows.move_to_end(day)
        while len(self._rows) > DAYS_KEPT:
            self._rows.popitem(last=False)


class Cycle:
    """The days that one cycle counts in."""

    def __init__(self, view: TableView, days: Days) -> None:
        self.view = view
        self._days = days
        self._tallies: dict[date, Tally] = {}

    def tally(self, event: Event) -> Tally:
        """The row of the day of an event, as this cycle has left it so far."""
        day = event.time.date()
        tally = self._tallies.get(day)
        if tally is None:
            tally = self._tallies[day] = self._days.tally(self.view, day_of(event))
        return tally

    def counted(self) -> dict[str, Tally]:
        """The days in which an event was counted."""
        return {day.isoformat(): tally for day, tally in self._tallies.items() if tally.counted}
