"""Agent fold_persons: person.events to table `persons`, the write side on which commands are decided.

Guarantee: every event of a person is applied once, in order of its sequence; a hole is healed from JetStream before going on."""

from __future__ import annotations

import logging
from typing import NamedTuple

from agents.reading import EventLog, StoredEvent, dead_letter, decoded
from bridge.dead_letters import DeadLetters
from domain.events import Undecodable
from domain.evolve import SequenceGap, apply
from lanes.agent import Batch, LaneAgent
from lanes.record import Record
from tables import persons
from tables.persons import PersonRow, PersonsTable
from tables.position import AppliedPositions

logger = logging.getLogger(__name__)


class FoldedPerson(NamedTuple):
    """A person that a cycle touched; `changed` is False when all its events were duplicates."""

    row: PersonRow
    changed: bool


class FoldPersons(LaneAgent):
    """Folds events into the state of each person and remembers how far the partition is applied."""

    name = "fold_persons"

    def __init__(self, table: PersonsTable, positions: AppliedPositions, log: EventLog, letters: DeadLetters) -> None:
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
            folded[person_id] = FoldedPerson(after, after is not before)
            if after is not before:
                persons.stage(view, after)
        if events.last_stream_sequence:
            persons.stage_position(view, events.last_stream_sequence)

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
            try:
                person = apply(row.person, event)
                if person is not row.person:
                    row = PersonRow(person, stream_sequence)
            except SequenceGap:
                row = await self._heal(row, record, stream_sequence)
            except Exception as error:
                # A pure fold that raises will raise again: this person waits, the others go on.
                logger.exception("folding event %s failed", event.id)
                await dead_letter(self._letters, self.name, record, "handler_failed", type(error).__name__)
        return row

    async def _heal(self, row: PersonRow, record: Record, stream_sequence: int) -> PersonRow:
        try:
            async for event, position in self._log.events(row.person.person_id, after=row.stream_sequence):
                if position > stream_sequence:
                    break
                row = PersonRow(apply(row.person, event), position)
        except Undecodable as error:
            await dead_letter(self._letters, self.name, record, error.cause, error.reason)
        except SequenceGap:
            await dead_letter(self._letters, self.name, record, "handler_failed", "a sequence is missing in the stream")
        return row


def folded_persons(batch: Batch) -> dict[str, FoldedPerson]:
    """Persons that fold_persons touched in this cycle; rendered models read their state from here."""
    return batch.once("folded persons", dict)
