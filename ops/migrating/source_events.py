"""The events of a source by person, with the sequence of each: the one it was stored with, or its place among the events of its person.

Guarantee: a read that is repeated gives the same events. An event that cannot be read refuses its person, from there on and as a
whole, and no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from domain.events import read_document
from domain.ids import is_person_id
from domain.undecodable import Undecodable
from ops.migrating.source import SourceRecord


class SourceEvent(NamedTuple):
    """A stored event with person and sequence; `error` says why it cannot be migrated. Without a person it belongs to nobody."""

    position: int
    document: dict[str, Any]
    person_id: str | None
    error: Undecodable | None = None

    @property
    def raw(self) -> bytes:
        """Its bytes with what was filled in."""
        return orjson.dumps(self.document)


class SourceEvents:
    """Numbers the events of one read of a source."""

    def __init__(self) -> None:
        self.duplicates = 0
        self._last: dict[str, int] = {}
        self._unnumbered: set[bytes] = set()

    def read(self, records: Sequence[SourceRecord]) -> Iterator[SourceEvent]:
        """The events in records that follow those read before; one that came before is left out and counted."""
        for record in records:
            try:
                document = read_document(record.data)
            except Undecodable as error:
                yield SourceEvent(record.position, {}, None, error)
                continue
            person_id = _person_of(document)
            if person_id is None:
                yield SourceEvent(record.position, document, None, Undecodable("undecodable", "subject: person id"))
                continue
            document["subject"] = person_id
            event = self._numbered(record.position, document, person_id)
            if event is None:
                self.duplicates += 1
            else:
                yield event

    def _numbered(self, position: int, document: dict[str, Any], person_id: str) -> SourceEvent | None:
        last = self._last.get(person_id, 0)
        given = document.get("sequence")
        if given is None:
            key = repr(document.get("id")).encode()
            if key in self._unnumbered:
                return None
            self._unnumbered.add(key)
            given = document["sequence"] = last + 1
        elif type(given) is not int or given < 1:
            return SourceEvent(position, document, person_id, Undecodable("undecodable", "sequence: integer"))
        elif given <= last:
            return None
        self._last[person_id] = given
        gap = Undecodable("undecodable", f"sequence: {given} follows {last}") if given > last + 1 else None
        return SourceEvent(position, document, person_id, gap)


def _person_of(document: Mapping[str, Any]) -> str | None:
    """The person of an event; the first ones had it in their data only."""
    data = document.get("data")
    said = document.get("subject", data.get("person_id") if isinstance(data, dict) else None)
    return said if is_person_id(said) else None
