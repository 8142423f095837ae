"""Commands whose cycle was cut off between its append and its commit: which of a person's events they have caused.

A lane repeats such a cycle, maybe in other portions. What it refused is written nowhere, what it accepted is in the stream; so a command
may find events there that came of later commands. It has to be decided on what was before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from agents.folding import folded
from agents.reading import Arrival, EventLog, marked
from bridge import headers
from domain.events import Event
from domain.person import Person
from lanes.record import Record
from lanes.table import TableView
from tables import outcomes
from tables.persons import PersonRow
from tables.quarantine import Discarded

MAX_RECORDS: Final = 900
"""So many records, the largest cycle, may have been appended without a commit."""


class Doubts:
    """Tells for each partition whether a cycle may meet what an earlier try of its commands has stored."""

    def __init__(self) -> None:
        self._committed: dict[int, int] = {}
        self._running: set[int] = set()

    def begin(self, partition: int) -> None:
        """A cycle begins; one before it that did not end was cut off."""
        if partition in self._running:
            self._committed.pop(partition, None)
        self._running.add(partition)

    def end(self, partition: int, records: int) -> None:
        """The cycle is durable."""
        self._running.discard(partition)
        self._committed[partition] = min(MAX_RECORDS, self._committed.get(partition, 0) + records)

    def forget(self, partition: int) -> None:
        """Another worker may have decided meanwhile."""
        self._running.discard(partition)
        self._committed.pop(partition, None)

    def remain(self, partition: int) -> bool:
        """Whether not all records of a cycle that was cut off are decided and durable yet."""
        return self._committed.get(partition, 0) < MAX_RECORDS


def are_in_doubt(person: Person, view: TableView) -> bool:
    """Whether the newest events of a person came of a command without an outcome."""
    return bool(person.recent) and outcomes.find(view, person.recent[-1][0]) is None


class History:
    """The events of a person, to see what a command has caused, and the person as it was."""

    def __init__(self, person_id: str, arrivals: Sequence[Arrival]) -> None:
        self._person_id = person_id
        self._arrivals = arrivals
        self._firsts: dict[str, Arrival] = {}
        for arrival in arrivals:
            if arrival.event is not None:
                self._firsts.setdefault(arrival.event.causationid, arrival)

    @classmethod
    async def read(cls, log: EventLog, person_id: str, discarded: Sequence[Discarded]) -> History:
        """Everything that the stream holds of the person now."""
        return cls(person_id, marked([one async for one in log.arrivals(person_id)], discarded))

    def holds(self, command_id: str) -> bool:
        """Whether events of a command are stored, however many commands came behind it."""
        return command_id in self._firsts

    def recorded(self, command_id: str) -> tuple[Sequence[Event], int]:
        """The events of a command, and the stream sequence of the last one."""
        caused = [one for one in self._arrivals if one.event is not None and one.event.causationid == command_id]
        return [one.read() for one in caused], caused[-1].stream_sequence

    def before_later(
        self, record: Record, view: TableView, records: Mapping[str, Record], begun: datetime
    ) -> Person | None:
        """The person as it was before the events of commands behind `record`; None when it has none of these.

        `records` are those of this cycle. A command that is not among them and has no outcome comes later, unless its events were stored
        before this command was, for outcomes are not kept for ever, or since the cycle has `begun`, by somebody who was faster.
        """
        first: Arrival | None = None
        for command_id, arrival in reversed(self._firsts.items()):
            other = records.get(command_id)
            if other is not None:
                is_later = other.offset > record.offset
            else:
                stored_at = headers.stored_at(arrival.record.headers)
                asked_at = headers.stored_at(record.headers)
                is_later = outcomes.find(view, command_id) is None and asked_at <= stored_at < begun
            if not is_later:
                break
            first = arrival
        return None if first is None else self._before(first)

    def _before(self, first: Arrival) -> Person:
        row = PersonRow.new(self._person_id)
        for arrival in self._arrivals:
            if arrival is first:
                break
            row = folded(row, arrival)
        return row.person
