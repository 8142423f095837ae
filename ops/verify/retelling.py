"""One person as its stored events tell it: the rows that every table must have of it, and what is wrong with the events themselves.

Guarantee: it is folded from the bytes of JetStream, event by event, without lanes and tables; it shares the pure domain with the agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from domain.events import Event, read_event
from domain.person import Person, dump_state
from domain.undecodable import Undecodable
from domain.views.chain import Chain
from domain.views.statistics import DayStatistics
from ops.model_rows import CHANGED_BY, PersonModels
from ops.verify.findings import Finding
from ops.verify.reading import Stored
from tables import timeline

Row = dict[str, Any]
STREAM_CHECK = "stream"


class Retold:
    """Grows with each event that is told. `copies` are edited events that count in the place of stored ones, by stream sequence."""

    def __init__(self, person_id: str, partition: int, copies: Mapping[int, str] | None = None) -> None:
        self.person_id = person_id
        self.partition = partition
        self.last = 0
        """Stream sequence of the last event that is folded."""
        self.faults: list[Finding] = []
        self.broken = False
        """An event cannot be folded: what the rows must be behind it is not known."""
        self._copies = copies or {}
        self._models = PersonModels(Person.new(person_id), partition)
        self._chain = Chain.of(person_id)
        self._ids: set[str] = set()
        self._places: dict[str, Row] = {}

    @property
    def version(self) -> int:
        """The version of the person."""
        return self._models.person.version

    @property
    def days(self) -> dict[str, DayStatistics]:
        """What the events so far add to the counts of each day."""
        return self._models.days

    def tell(self, stored: Stored) -> None:
        """Fold one more event; what is wrong with it is noted."""
        if self.broken or stored.stream_sequence <= self.last:
            return
        try:
            copy = self._copies.get(stored.stream_sequence)
            event = read_event(stored.data if copy is None else copy.encode(), subject=stored.subject)
            self._note_repetition(event, stored.stream_sequence)
            if event.sequence != self.version + 1:
                self._fault(stored.stream_sequence, "version", f"{event.sequence} follows {self.version}")
                self.broken = True
                return
            self._fold(event, stored)
        except Undecodable as error:
            self._fault(stored.stream_sequence, "event", f"cannot be read: {error.cause}")
            self.broken = True
        except Exception as error:
            self._fault(stored.stream_sequence, "event", f"cannot be folded: {type(error).__name__}")
            self.broken = True

    def rows(self) -> dict[str, Row | None]:
        """The row of each table that has one per person, None where there must be none."""
        person = self._models.person
        rows: dict[str, Row | None] = {model: self._models.row(model) for model in CHANGED_BY}
        rows["persons"] = None
        if person.version:
            rows["persons"] = {
                "sequence": person.version,
                "position": {"partition": self.partition, "stream_sequence": self.last},
                "chain": {"length": self._chain.length, "head": self._chain.head.hex()},
                "person": orjson.loads(dump_state(person)),
            }
        return rows

    def timeline(self) -> dict[str, Row]:
        """The entries by key."""
        return {
            timeline.key(self.person_id, entry["sequence"], entry["part"]).decode(): entry
            for entry in self._models.entries()
        }

    def places(self) -> dict[str, Row]:
        """The rows that lead from a correlation to an event, by key."""
        return self._places

    def _note_repetition(self, event: Event, stream_sequence: int) -> None:
        if event.id in self._ids:
            self._fault(stream_sequence, "event", "is stored twice")
        self._ids.add(event.id)

    def _fold(self, event: Event, stored: Stored) -> None:
        self._models.apply(event, stored.stream_sequence)
        self._chain = self._chain.link(stored.data)
        self.last = stored.stream_sequence
        key = timeline.correlation_key(event.correlationid, stored.stream_sequence).decode()
        self._places[key] = {
            "person_id": event.person_id,
            "sequence": event.sequence,
            "digest": timeline.digest_of(stored.data),
        }

    def _fault(self, stream_sequence: int, field: str, what: str) -> None:
        self.faults.append(
            Finding(
                STREAM_CHECK, self.partition, "PERSON_EVENTS", self.person_id, field, f"at {stream_sequence}: {what}"
            )
        )


def retold(
    person_id: str,
    partition: int,
    stored: Sequence[Stored],
    *,
    until: int | None = None,
    copies: Mapping[int, str] | None = None,
) -> Retold:
    """A person behind its events, all of them or those up to a stream sequence."""
    told = Retold(person_id, partition, copies)
    for one in stored:
        if until is None or one.stream_sequence <= until:
            told.tell(one)
    return told
