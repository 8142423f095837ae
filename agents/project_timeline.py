"""Agent project_timeline: each event as one entry of table `timeline` (domain.md 16.6).

Guarantee: entries of a person have no holes but those that an operator made by discarding an event; a missing predecessor is read
from JetStream before an entry is added. Once a person is erased none of its entries has details."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence

from agents.containment import is_transient
from agents.fold_persons import PERSONS_AT_ONCE, folded_persons
from agents.quarantine import Quarantine, Ward
from agents.reading import Arrival, EventLog, decoded, marked
from domain.event_data.privacy import PersonErased
from domain.events import Event
from domain.evolve import SequenceGap
from lanes.agent import Batch, LaneAgent
from lanes.table import TableView
from tables import timeline
from tables.timeline import TimelineTable

PERSONS_REMEMBERED = 50_000
"""Persons of a partition whose last entry is remembered, so that the next one is added without asking the table."""


class ProjectTimeline(LaneAgent):
    """Adds one entry per event; an entry that is there already is left alone."""

    name = "project_timeline"

    def __init__(self, table: TimelineTable, log: EventLog, quarantine: Quarantine, *, max_row_bytes: int) -> None:
        self.tables = (table.table,)
        self._table = table
        self._log = log
        self._quarantine = quarantine
        self._max_row_bytes = max_row_bytes
        self._last: dict[int, OrderedDict[str, int]] = {}

    async def process(self, batch: Batch) -> None:
        """Stage the entries of a cycle."""
        view = batch.view(self._table.table)
        ward = self._quarantine.ward(batch, self.name)
        last = self._last.setdefault(batch.partition, OrderedDict())
        added = _added(batch)
        persons = folded_persons(batch)
        for number, (person_id, arrivals) in enumerate(decoded(batch).by_person.items(), 1):
            if not number % PERSONS_AT_ONCE:
                await asyncio.sleep(0)
            adding = Adding(view, ward, person_id, last.get(person_id, 0), self._max_row_bytes)
            adding.erased = persons[person_id].row.person.is_erased
            await self._add_all(adding, ward.admit(person_id, arrivals))
            if adding.last:
                added[person_id] = adding.last

    async def committed(self, batch: Batch) -> None:
        """Remember which entry of each person is the last."""
        last = self._last.setdefault(batch.partition, OrderedDict())
        for person_id, sequence in _added(batch).items():
            last[person_id] = sequence
            last.move_to_end(person_id)
        while len(last) > PERSONS_REMEMBERED:
            last.popitem(last=False)

    def forget(self, partition: int) -> None:
        """Drop what is remembered; the table tells it again."""
        self._last.pop(partition, None)

    async def _add_all(self, adding: Adding, arrivals: Sequence[Arrival]) -> None:
        waiting = deque(arrivals)
        healed = False
        while waiting:
            try:
                adding.add(waiting[0])
            except Exception as error:
                if is_transient(error):
                    raise
                if healed or not isinstance(error, SequenceGap):
                    adding.ward.park(adding.person_id, list(waiting), error)
                    return
                healed = True
                waiting.extendleft(reversed(await self._missing(adding, waiting[0])))
            else:
                waiting.popleft()

    async def _missing(self, adding: Adding, before: Arrival) -> Sequence[Arrival]:
        """What the stream holds before an event and the table does not."""
        found: list[Arrival] = []
        async for arrival in self._log.arrivals(adding.person_id):
            if arrival.stream_sequence >= before.stream_sequence:
                break
            if arrival.event is None or not timeline.holds(adding.view, adding.person_id, arrival.event.sequence):
                found.append(arrival)
        return marked(found, adding.ward.discarded(adding.person_id))


class Adding:
    """The entries of one person in one cycle. `last` is the sequence up to which entries are known to be there, 0 when nothing is known."""

    def __init__(self, view: TableView, ward: Ward, person_id: str, last: int, max_row_bytes: int) -> None:
        self.view = view
        self.ward = ward
        self.person_id = person_id
        self.last = last
        self.erased = False
        self._max_row_bytes = max_row_bytes

    def add(self, arrival: Arrival) -> None:
        """Stage the entries of an event; raises SequenceGap when the one before it is missing."""
        if arrival.discarded is not None:
            return
        event = arrival.read()
        sequence = event.sequence
        if sequence != self.last + 1 or not self.last:
            if sequence <= self.last or timeline.holds(self.view, self.person_id, sequence):
                return
            if sequence > 1 and not self._has_predecessor(event):
                raise SequenceGap(self.person_id, self.last, sequence)
        if isinstance(event.data, PersonErased):
            # Before the entry of the erasure itself: where that one is, the others have no details.
            timeline.stage_erasure(self.view, self.person_id)
            self.erased = True
        stored = arrival.record.value
        timeline.stage(self.view, event, stored, arrival.stream_sequence, self._max_row_bytes, erased=self.erased)
        self.last = sequence

    def _has_predecessor(self, event: Event) -> bool:
        before = event.sequence - 1
        if before == self.last or timeline.holds(self.view, event.person_id, before):
            return True
        return any(one.version == before for one in self.ward.discarded(event.person_id))


def _added(batch: Batch) -> dict[str, int]:
    """The last entry of each person that a cycle added to."""
    return batch.once("timeline added", dict)
