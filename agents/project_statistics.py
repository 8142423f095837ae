"""Agent project_statistics: the events of each UTC day, counted in table `statistics` (domain.md 16.8).

Guarantee: every event that fold_persons has folded is counted once, also one that a hole, a redrive or a kill between two tables brings
late. A row tells which events are in it, so it is right by itself whatever happened to the other tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple

from agents.containment import is_transient
from agents.fold_persons import FoldPersons, Step, folded_persons
from agents.folding import folded
from agents.quarantine import Quarantine, Ward, redrive_of
from agents.reading import Arrival, EventLog, marked
from agents.tallies import Cycle, Days, Tally
from domain.person import Person
from lanes.agent import Batch, LaneAgent
from tables import statistics
from tables.persons import PersonRow
from tables.recent_persons import RecentPersons
from tables.statistics import StatisticsTable

PERSONS_REFOLDED = 10_000
"""Persons and components in the states that are kept while events come again, so that filling an empty table reads nothing twice."""


class Folding(NamedTuple):
    """An event between the states before and behind it."""

    before: Person
    arrival: Arrival
    after: Person


class ProjectStatistics(LaneAgent):
    """Counts what fold_persons has folded, by the difference of the states before and behind each event."""

    name = "project_statistics"

    def __init__(self, table: StatisticsTable, log: EventLog, quarantine: Quarantine) -> None:
        self.tables = (table.table,)
        self._table = table.table
        self._log = log
        self._quarantine = quarantine
        self._days: dict[int, Days] = {}
        self._refolded = RecentPersons(PERSONS_REFOLDED)

    async def process(self, batch: Batch) -> None:
        """Count the events of a cycle and stage the rows of their days."""
        ward = self._quarantine.ward(batch, self.name)
        cycle = Cycle(batch.view(self._table), self._days.setdefault(batch.partition, Days()))
        late = redrive_of(batch) is not None
        for person_id, one in folded_persons(batch).items():
            steps = one.steps
            again = one.again
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
        self._refolded.forget(partition)

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
            async for one in self._foldings(cycle.view.partition, person_id, again, wanted):
                event, sequence = one.arrival.read(), one.arrival.stream_sequence
                cycle.tally(event).count(one.before, event, one.after, sequence, late=late)
                counted = sequence
        except Exception as error:
            if is_transient(error):
                raise
            waiting = [one for one in missed if one.stream_sequence > counted]
            ward.park(person_id, [*waiting, *(step.arrival for step in steps)], error)

    async def _foldings(
        self, partition: int, person_id: str, again: Sequence[Arrival], wanted: Collection[int]
    ) -> AsyncIterator[Folding]:
        """Some of the events that came again with the states around them, folded from where the last ones were, else from the first on."""
        discarded = self._quarantine.table.read(partition, FoldPersons.name, person_id).discarded
        row = self._refolded.get(partition, person_id)
        if row is None or row.stream_sequence >= min(wanted):
            row = PersonRow.new(person_id)
        async for arrival in self._behind(row, again):
            [one] = marked([arrival], discarded)
            after = folded(row, one)
            if one.stream_sequence in wanted and after is not row and one.discarded is None:
                yield Folding(row.person, one, after.person)
            row = after
            if arrival.stream_sequence >= max(wanted):
                break
        self._refolded.put(partition, row)

    async def _behind(self, row: PersonRow, again: Sequence[Arrival]) -> AsyncIterator[Arrival]:
        """The events of a person behind a row: those that came again, if none is missing, else as the stream holds them."""
        sequences = [one.event.sequence for one in again if one.event is not None]
        first = row.person.version + 1
        if sequences == list(range(first, first + len(again))):
            for one in again:
                yield one
        else:
            async for one in self._log.arrivals(row.person.person_id, after=row.stream_sequence):
                yield one


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
                    tally.count(before, event, after, arrival.stream_sequence, late=out_of_order)
            except Exception as error:
                ward.park(person_id, [one.arrival for one in steps[index:]], error)
                return
        before = after


def _tallies(batch: Batch, cycle: Cycle | None = None) -> dict[str, Tally]:
    """The days of this cycle that were counted in."""
    return batch.once("tallies", lambda: {} if cycle is None else cycle.counted())
