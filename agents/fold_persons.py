"""Agent fold_persons: person.events to table `persons`, the write side on which commands are decided.

Guarantee: every event of a person is applied once, in order of its sequence; a hole is healed from JetStream before going on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from agents.containment import is_transient
from agents.folding import folded
from agents.portraits import RecentPortraits
from agents.quarantine import Quarantine, Ward
from agents.reading import Arrival, EventLog, dead_letter, decode, marked
from bridge.dead_letters import DeadLetters
from domain.evolve import SequenceGap
from lanes.agent import Batch, LaneAgent
from lanes.table import TableView
from tables import persons
from tables.persons import PersonRow, PersonsTable

PERSONS_AT_ONCE = 100
"""Persons that an agent handles before it lets others run: a few milliseconds, so that no cycle is too large for its neighbours."""


class Step(NamedTuple):
    """An event that this cycle applied, and the row behind it."""

    arrival: Arrival
    row: PersonRow


class Fold(NamedTuple):
    """How far the events of a person could be folded: the steps, the events that follow them, and why the first of those failed."""

    person_id: str
    steps: Sequence[Step]
    waiting: Sequence[Arrival] = ()
    error: Exception | None = None


class FoldedPerson(NamedTuple):
    """A person that a cycle touched: its row now, the steps to it, its row before the cycle, and the arrivals that this row held already.

    There are no steps when all its events were duplicates or wait.
    """

    row: PersonRow
    steps: Sequence[Step]
    before: PersonRow
    again: Sequence[Arrival]


class FoldPersons(LaneAgent):
    """Folds events into the state of each person."""

    name = "fold_persons"

    def __init__(
        self,
        table: PersonsTable,
        log: EventLog,
        letters: DeadLetters,
        quarantine: Quarantine,
        *,
        max_state_bytes: int,
    ) -> None:
        self._max_state_bytes = max_state_bytes
        self.tables = (table.table,)
        self._table = table
        self._log = log
        self._letters = letters
        self._quarantine = quarantine
        self._portraits = RecentPortraits()

    async def process(self, batch: Batch) -> None:
        """Fold each person's events; a person whose event fails keeps the state before it, and is parked from there on."""
        view = batch.view(self._table.table)
        ward = self._quarantine.ward(batch, self.name)
        events = await decode(batch)
        for record, error in events.unplaced:
            await dead_letter(self._letters, self.name, record, error.cause, error.reason)
        touched = folded_persons(batch)
        for number, (person_id, arrivals) in enumerate(events.by_person.items(), 1):
            if not number % PERSONS_AT_ONCE:
                await asyncio.sleep(0)
            before = self._table.read(batch.partition, person_id)
            fold = await self._fold(ward, before, ward.admit(person_id, arrivals))
            steps = self._stage(view, ward, fold)
            again = _came_before(before, arrivals)
            after = steps[-1].row if steps else before
            touched[person_id] = FoldedPerson(after, steps, before, again)
            self._portraits.begin(batch, before.person, after.person)

    async def committed(self, batch: Batch) -> None:
        """Keep the new states decoded."""
        for one in folded_persons(batch).values():
            self._table.remember(batch.partition, one.row)
        self._portraits.keep(batch)

    def forget(self, partition: int) -> None:
        """Drop decoded states."""
        self._table.forget(partition)
        self._portraits.forget(partition)

    async def _fold(self, ward: Ward, row: PersonRow, arrivals: Sequence[Arrival]) -> Fold:
        steps: list[Step] = []
        waiting = deque(arrivals)
        healed = False
        while waiting:
            try:
                after = folded(row, waiting[0])
            except Exception as error:
                if is_transient(error):
                    raise
                if healed or not isinstance(error, SequenceGap):
                    return Fold(row.person.person_id, steps, list(waiting), error)
                healed = True
                waiting.extendleft(reversed(await self._missing(ward, row, waiting[0])))
                continue
            arrival = waiting.popleft()
            if after is not row:
                row = after
                steps.append(Step(arrival, row))
        return Fold(row.person.person_id, steps)

    async def _missing(self, ward: Ward, row: PersonRow, before: Arrival) -> Sequence[Arrival]:
        """What the stream holds between a row and an event."""
        person_id = row.person.person_id
        found: list[Arrival] = []
        async for arrival in self._log.arrivals(person_id, after=row.stream_sequence):
            if arrival.stream_sequence >= before.stream_sequence:
                break
            found.append(arrival)
        return marked(found, ward.discarded(person_id))

    def _stage(self, view: TableView, ward: Ward, fold: Fold) -> Sequence[Step]:
        """Stage the last step that fits a row and park what comes behind it; returns the steps up to the staged one."""
        _, steps, waiting, error = fold
        if steps and self._refusal(view, steps[-1]) is not None:
            fitting = 0
            while (refusal := self._refusal(view, steps[fitting])) is None:
                fitting += 1
            waiting, error = [*(step.arrival for step in steps[fitting:]), *waiting], refusal
            steps = steps[:fitting]
        if error is not None:
            ward.park(fold.person_id, waiting, error)
        return steps

    def _refusal(self, view: TableView, step: Step) -> Exception | None:
        try:
            persons.stage(view, step.row, self._max_state_bytes)
        except Exception as error:
            return error
        return None


def _came_before(before: PersonRow, arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
    reached = before.stream_sequence
    # In order, so the first one tells: nearly always nothing comes again.
    if arrivals[0].stream_sequence > reached:
        return ()
    return [one for one in arrivals if one.stream_sequence <= reached]


def folded_persons(batch: Batch) -> dict[str, FoldedPerson]:
    """Persons that fold_persons touched in this cycle; rendered models read their state from here."""
    return batch.once("folded persons", dict)
