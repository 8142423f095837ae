"""Agent project_statistics: the events of each UTC day, counted in table `statistics` (domain.md 16.8).

Guarantee: every event that fold_persons has folded is counted once, also one that a hole, a redrive or a kill between two tables brings
late. A row tells which events are in it, so it is right by itself whatever happened to the other tables."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agents.containment import is_transient
from agents.fold_persons import FoldPersons, Step, folded_persons
from agents.folding import folded
from agents.quarantine import Quarantine, Ward, redrive_of
from agents.reading import Arrival, EventLog, decoded, marked
from agents.rendering import came_before
from domain.events import Event
from domain.person import Person
from domain.views.statistics import change_of, day_of
from lanes.agent import Batch, LaneAgent
from lanes.table import TableView
from tables import statistics
from tables.persons import PersonRow
from tables.statistics import DayRow, StatisticsTable

DAYS_KEPT = 64
"""Rows of a partition that are kept decoded."""


class Folding(NamedTuple):
    """An event between the states before and behind it."""

    before: Person
    arrival: Arrival
    after: Person


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

    def count(self, one: Folding, event: Event, *, late: bool) -> None:
        """Add an event to the counts and note that it is in them."""
        change = change_of(one.before, event, one.after)
        self.row.counts.add(change)
        self.counted = True
        sequence = one.arrival.stream_sequence
        if late:
            self.row.late[event.person_id] = sequence
        else:
            self.row.stream_sequence = max(self.row.stream_sequence, sequence)


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
        self.tallies: dict[str, Tally] = {}
        self._days = days

    def tally(self, event: Event) -> Tally:
        """The row of the day of an event, as this cycle has left it so far."""
        day = day_of(event)
        tally = self.tallies.get(day)
        if tally is None:
            tally = self.tallies[day] = self._days.tally(self.view, day)
        return tally

    def counted(self) -> dict[str, Tally]:
        """The days in which an event was counted."""
        return {day: tally for day, tally in self.tallies.items() if tally.counted}


class ProjectStatistics(LaneAgent):
    """Counts what fold_persons has folded, by the difference of the states before and behind each event."""

    name = "project_statistics"

    def __init__(self, table: StatisticsTable, log: EventLog, quarantine: Quarantine) -> None:
        self.tables = (table.table,)
        self._table = table.table
        self._log = log
        self._quarantine = quarantine
        self._days: dict[int, Days] = {}

    async def process(self, batch: Batch) -> None:
        """Count the events of a cycle and stage the rows of their days."""
        ward = self._quarantine.ward(batch, self.name)
        by_person = decoded(batch).by_person
        cycle = Cycle(batch.view(self._table), self._days.setdefault(batch.partition, Days()))
        late = redrive_of(batch) is not None
        for person_id, one in folded_persons(batch).items():
            steps = one.steps
            again = came_before(one, by_person[person_id])
            if ward.concerned:
                admitted = ward.admit(person_id, [*again, *(step.arrival for step in steps)])
                steps = steps[: max(0, len(admitted) - len(again))]
                again = admitted[: len(again)]
            if again:
                await self._count_again(cycle, ward, person_id, again, steps)
            if steps and not ward.parks(person_id):
                _count_steps(cycle, ward, one.before.person, steps, late=late)
        for day, tally in _tallies(batch, cycle).items():
            statistics.stage(cycle.view, day, tally.row)

    async def committed(self, batch: Batch) -> None:
        """Keep the new rows decoded."""
        days = self._days.setdefault(batch.partition, Days())
        for day, tally in _tallies(batch).items():
            days.remember(day, tally.row)

    def forget(self, partition: int) -> None:
        """Drop decoded rows, and with them how far they reached at the start."""
        self._days.pop(partition, None)

    async def _count_again(
        self, cycle: Cycle, ward: Ward, person_id: str, again: Sequence[Arrival], steps: Sequence[Step]
    ) -> None:
        """Count events that the state of the person holds and the rows lack. The states between them are folded once more."""
        late = ward.redriven(person_id)
        missed = [
            one
            for one in again
            if one.event is not None
            and one.discarded is None
            and cycle.tally(one.event).lacks_old(one, person_id, late=late)
        ]
        if not missed:
            return
        wanted = {one.stream_sequence for one in missed}
        counted = 0
        try:
            async for one in self._foldings(cycle.view.partition, person_id, wanted):
                event = one.arrival.read()
                cycle.tally(event).count(one, event, late=late)
                counted = one.arrival.stream_sequence
        except Exception as error:
            if is_transient(error):
                raise
            waiting = [one for one in missed if one.stream_sequence > counted]
            ward.park(person_id, [*waiting, *(step.arrival for step in steps)], error)

    async def _foldings(self, partition: int, person_id: str, wanted: Collection[int]) -> AsyncIterator[Folding]:
        """Some events of a person with the states around them, folded from the first event on."""
        discarded = self._quarantine.table.read(partition, FoldPersons.name, person_id).discarded
        row, last = PersonRow.new(person_id), max(wanted)
        async for arrival in self._log.arrivals(person_id):
            [one] = marked([arrival], discarded)
            after = folded(row, one)
            if one.stream_sequence in wanted and after is not row and one.discarded is None:
                yield Folding(row.person, one, after.person)
            row = after
            if arrival.stream_sequence >= last:
                return


def _count_steps(cycle: Cycle, ward: Ward, before: Person, steps: Sequence[Step], *, late: bool) -> None:
    person_id = before.person_id
    for index, step in enumerate(steps):
        arrival, after = step.arrival, step.row.person
        event = arrival.event
        if event is not None and arrival.discarded is None:
            try:
                tally = cycle.tally(event)
                out_of_order = late or arrival.read_back
                if tally.lacks_new(arrival, person_id, late=out_of_order):
                    tally.count(Folding(before, arrival, after), event, late=out_of_order)
            except Exception as error:
                ward.park(person_id, [one.arrival for one in steps[index:]], error)
                return
        before = after


def _tallies(batch: Batch, cycle: Cycle | None = None) -> dict[str, Tally]:
    """The days of this cycle that were counted in."""
    return batch.once("tallies", lambda: {} if cycle is None else cycle.counted())
