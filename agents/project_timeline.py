"""Agent project_timeline: each event as one entry of table `timeline` (domain.md 16.6).

Guarantee: entries of a person have no holes; a missing predecessor is read from JetStream before an entry is added."""

from __future__ import annotations

from agents.containment import contained
from agents.reading import EventLog, StoredEvent, decoded
from bridge.dead_letters import DeadLetters
from domain.evolve import SequenceGap
from domain.views.timeline import timeline_entry
from lanes.agent import Batch, LaneAgent
from lanes.table import TableView
from tables import timeline
from tables.timeline import TimelineTable


class ProjectTimeline(LaneAgent):
    """Adds one entry per event; an entry that is there already is left alone."""

    name = "project_timeline"

    def __init__(self, table: TimelineTable, log: EventLog, letters: DeadLetters) -> None:
        self.tables = (table.table,)
        self._table = table
        self._log = log
        self._letters = letters

    async def process(self, batch: Batch) -> None:
        """Stage the entries of a cycle."""
        view = batch.view(self._table.table)
        for stored in decoded(batch).by_person.values():
            for one in stored:
                async with contained(self._letters, self.name, one.record):
                    await self._add(view, one)

    async def _add(self, view: TableView, stored: StoredEvent) -> None:
        event, stream_sequence, _ = stored
        if timeline.holds(view, event.person_id, event.sequence):
            return
        if event.sequence > 1 and not timeline.holds(view, event.person_id, event.sequence - 1):
            await self._heal(view, stored)
            if not timeline.holds(view, event.person_id, event.sequence - 1):
                raise SequenceGap(event.person_id, 0, event.sequence)
        timeline.stage(view, timeline_entry(event), stream_sequence)

    async def _heal(self, view: TableView, stored: StoredEvent) -> None:
        async for event, stored_at in self._log.events(stored.event.person_id):
            if stored_at >= stored.stream_sequence:
                return
            if not timeline.holds(view, event.person_id, event.sequence):
                timeline.stage(view, timeline_entry(event), stored_at)
