"""Agent project_timeline: each event as one entry of table `timeline` (domain.md 16.6).

Guarantee: entries of a person have no holes but those that an operator made by discarding an event; a missing predecessor is read
from JetStream before an entry is added."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from agents.containment import is_transient
from agents.quarantine import Quarantine, Ward
from agents.reading import Arrival, EventLog, decoded, marked
from domain.events import Event
from domain.evolve import SequenceGap
from domain.views.timeline import timeline_entry
from lanes.agent import Batch, LaneAgent
from lanes.table import TableView
from tables import timeline
from tables.timeline import TimelineTable


class ProjectTimeline(LaneAgent):
    """Adds one entry per event; an entry that is there already is left alone."""

    name = "project_timeline"

    def __init__(self, table: TimelineTable, log: EventLog, quarantine: Quarantine, *, max_row_bytes: int) -> None:
        self.tables = (table.table,)
        self._table = table
        self._log = log
        self._quarantine = quarantine
        self._max_row_bytes = max_row_bytes

    async def process(self, batch: Batch) -> None:
        """Stage the entries of a cycle."""
        view = batch.view(self._table.table)
        ward = self._quarantine.ward(batch, self.name)
        for person_id, arrivals in decoded(batch).by_person.items():
            await self._add_all(view, ward, person_id, ward.admit(person_id, arrivals))

    async def _add_all(self, view: TableView, ward: Ward, person_id: str, arrivals: Sequence[Arrival]) -> None:
        waiting = deque(arrivals)
        healed = False
        while waiting:
            try:
                self._add(view, ward, waiting[0])
            except Exception as error:
                if is_transient(error):
                    raise
                if healed or not isinstance(error, SequenceGap):
                    ward.park(person_id, list(waiting), error)
                    return
                healed = True
                waiting.extendleft(reversed(await self._missing(view, ward, person_id, waiting[0])))
            else:
                waiting.popleft()

    def _add(self, view: TableView, ward: Ward, arrival: Arrival) -> None:
        if arrival.discarded is not None:
            return
        event = arrival.read()
        if timeline.holds(view, event.person_id, event.sequence):
            return
        if event.sequence > 1 and not self._has_predecessor(view, ward, event):
            raise SequenceGap(event.person_id, 0, event.sequence)
        timeline.stage(view, timeline_entry(event), arrival.stream_sequence, self._max_row_bytes)

    @staticmethod
    def _has_predecessor(view: TableView, ward: Ward, event: Event) -> bool:
        if timeline.holds(view, event.person_id, event.sequence - 1):
            return True
        return any(one.version == event.sequence - 1 for one in ward.discarded(event.person_id))

    async def _missing(self, view: TableView, ward: Ward, person_id: str, before: Arrival) -> Sequence[Arrival]:
        """What the stream holds before an event and the table does not."""
        found: list[Arrival] = []
        async for arrival in self._log.arrivals(person_id):
            if arrival.stream_sequence >= before.stream_sequence:
                break
            if arrival.event is None or not timeline.holds(view, person_id, arrival.event.sequence):
                found.append(arrival)
        return marked(found, ward.discarded(person_id))
