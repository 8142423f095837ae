"""Commands whose cycle was cut off between its append and its commit: which of a person's events they have caused.

A lane repeats such a cycle, maybe in other portions. What it refused is written nowhere, what it accepted is in the stream; so a command
may find events there that came of later commands. It has to be decided on what was before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agents.folding import folded
from agents.reading import Arrival, EventLog, marked
from bridge import headers
from domain.person import Person, RecentCommand
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


def without_outcome(person: Person, view: TableView) -> Sequence[RecentCommand]:
    """The newest commands of a person whose events are stored and whose outcomes are not, the last one first."""
    found: list[RecentCommand] = []
    for recent in reversed(person.recent):
        if outcomes.find(view, recent[0]) is not None:
            break
        found.append(recent)
    return found


class History:
    """The events of a person, to see the person as it was."""

    def __init__(self, person_id: str, arrivals: Sequence[Arrival]) -> None:
        self._person_id = person_id
        self._arrivals = arrivals
        self._stored_at = {
            one.event.sequence: headers.stored_at(one.record.headers) for one in arrivals if one.event is not None
        }

    @classmethod
    async def read(cls, log: EventLog, person_id: str, discarded: Sequence[Discarded]) -> History:
        """Everything that the stream holds of the person now."""
        return cls(person_id, marked([one async for one in log.arrivals(person_id)], discarded))

    def before_later(
        self, record: Record, in_doubt: Sequence[RecentCommand], records: Mapping[str, Record]
    ) -> Person | None:
        """The person as it was before the events of commands behind `record`; None when it has none of these.

        `records` are those of this cycle. A command that is not among them and has no outcome comes later, unless its events were stored
        before this command was: outcomes are not kept for ever, and not every event comes of a command.
        """
        first: int | None = None
        for command_id, sequence, _ in in_doubt:
            other = records.get(command_id)
            if other is not None:
                is_later = other.offset > record.offset
            else:
                stored_at = self._stored_at.get(sequence)
                is_later = stored_at is not None and stored_at >= headers.stored_at(record.headers)
            if not is_later:
                break
            first = sequence
        return None if first is None else self._before(first)

    def _before(self, sequence: int) -> Person:
        row = PersonRow.new(self._person_id)
        for arrival in self._arrivals:
            if arrival.event is not None and arrival.event.sequence >= sequence:
                break
            row = folded(row, arrival)
        return row.person
