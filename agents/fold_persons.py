"""Agent fold_persons: person.events to table `persons`, the write side on which commands are decided.

Guarantee: every event of a person is applied once, in order of its sequence; a hole is healed from JetStream before going on."""

from __future__ import annotations

from typing import NamedTuple

from agents.containment import contained
from agents.reading import EventLog, StoredEvent, dead_letter, decoded
from bridge.dead_letters import DeadLetters
from domain.evolve import SequenceGap, apply
from lanes.agent import Batch, LaneAgent
from tables import persons, position
from tables.persons import PersonRow, PersonsTable
from tables.position import AppliedPositions


class FoldedPerson(NamedTuple):
    """A person that a cycle touched; `changed` is False when all its events were duplicates."""

    row: PersonRow
    changed: bool


class FoldPersons(LaneAgent):
    """Folds events into the state of each person and remembers how far the partition is applied."""

    name = "fold_persons"

    def __init__(
        self,
        table: PersonsTable,
        positions: AppliedPositions,
        log: EventLog,
        letters: DeadLetters,
        *,
        max_state_bytes: int,
    ) -> None:
        self._max_state_bytes = max_state_bytes
        self.tables = (table.table,)
        self._table = table
        self._positions = positions
        self._log = log
        self._letters = letters

    async def process(self, batch: Batch) -> None:
        """Fold each person's events; persons that cannot be folded are left as they are, their events dead-lettered."""
        view = batch.view(self._table.table)
        events = decoded(batch)
        for record, error in events.unreadable:
            await dead_letter(self._letters, self.name, record, error.cause, error.reason)
        folded = folded_persons(batch)
        for person_id, stored in events.by_person.items():
            before = self._table.read(batch.partition, person_id)
            after = await self._fold(before, stored)
            folded[person_id] = FoldedPerson(before, False)
            async with contained(self._letters, self.name, stored[-1].record):
                if after is not before:
                    persons.stage(view, after, self._max_state_bytes)
                folded[person_id] = FoldedPerson(after, after is not before)
        if events.last_stream_sequence > self._positions.applied(batch.partition):
            # In every table of the lane: after a crash between two of them the slower one tells how far all are.
            for of_table in batch.views():
                position.stage(of_table, events.last_stream_sequence)

    async def committed(self, batch: Batch) -> None:
        """Keep the new states decoded and let readers of their own writes go on."""
        for row, _ in folded_persons(batch).values():
            self._table.remember(batch.partition, row)
        self._positions.advance(batch.partition, decoded(batch).last_stream_sequence)

    def forget(self, partition: int) -> None:
        """Drop decoded states."""
        self._table.forget(partition)

    async def _fold(self, row: PersonRow, stored: list[StoredEvent]) -> PersonRow:
        for event, stream_sequence, record in stored:
            async with contained(self._letters, self.name, record):
                try:
                    person = apply(row.person, event)
                except SequenceGap:
                    row = await self._healed(row, stream_sequence)
                else:
                    if person is not row.person:
                        row = PersonRow(person, stream_sequence)
        return row

    async def _healed(self, row: PersonRow, stream_sequence: int) -> PersonRow:
        """The row with everything that the stream holds up to a sequence; raises when that cannot be folded either."""
        async for event, stored_at in self._log.events(row.person.person_id, after=row.stream_sequence):
            if stored_at > stream_sequence:
                break
            row = PersonRow(apply(row.person, event), stored_at)
        return row


def folded_persons(batch: Batch) -> dict[str, FoldedPerson]:
    """Persons that fold_persons touched in this cycle; rendered models read their state from here."""
    return batch.once("folded persons", dict)
