"""Table `timeline`: one row per event, keyed by person id, sequence and part, so that a person's timeline is one range of keys.

Rows under `c:<correlation id>:<stream sequence>` tell where in the stream the events of a correlation lie, and keep a digest of what was
folded there."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from typing import Any

import orjson

from domain.events import Event
from domain.views.timeline import encode_entry, without_details
from lanes.table import LaneTable, TableView
from tables.row_size import fitting

NAME = "timeline"


def key(person_id: str, sequence: int, part: int = 0) -> bytes:
    """The row key; fixed width, so that keys sort as events do."""
    return f"{person_id}:{sequence:010d}:{part:03d}".encode()


def correlation_key(correlation_id: str, stream_sequence: int) -> bytes:
    """The key of the row that leads from a correlation to an event; fixed width, in the order of the stream."""
    return f"c:{correlation_id}:{stream_sequence:020d}".encode()


class TimelineTable:
    """Reads of the timeline model."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table

    def read(self, partition: int, person_id: str, *, limit: int | None = None) -> list[dict[str, Any]]:
        """The entries of a person, oldest first, all or at most `limit`."""
        found = self.table.scan(partition, f"{person_id}:".encode())
        return [orjson.loads(value) for _, value in islice(found, limit)]

    def entries(
        self, partition: int, person_id: str, *, after: bytes | None = None, descending: bool = False
    ) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Row key and entry of a person behind a row key, oldest or newest first."""
        for row_key, value in self.table.scan(partition, f"{person_id}:".encode(), start=after, backwards=descending):
            if row_key != after:
                yield row_key, orjson.loads(value)

    def entry(self, partition: int, person_id: str, sequence: int, part: int = 0) -> dict[str, Any] | None:
        """One entry of a person."""
        value = self.table.get(partition, key(person_id, sequence, part))
        return None if value is None else orjson.loads(value)

    def stream_sequence(self, partition: int, person_id: str, sequence: int) -> int:
        """Where an event of a person lies in the stream, 0 when its entry is not there."""
        found = self.entry(partition, person_id, sequence)
        return 0 if found is None else int(found["position"]["stream_sequence"])

    def correlated(self, partition: int, correlation_id: str) -> Iterator[int]:
        """Stream sequences of the events of a correlation that lie in a partition, in order."""
        for found, _ in self.table.scan(partition, f"c:{correlation_id}:".encode()):
            yield int(found.rpartition(b":")[2])

    def digest(self, partition: int, correlation_id: str, stream_sequence: int) -> str | None:
        """The digest of the stored bytes that were folded from a place in the stream, None when nothing was."""
        value = self.table.get(partition, correlation_key(correlation_id, stream_sequence))
        return None if value is None else str(orjson.loads(value).get("digest"))


def digest_of(stored: bytes) -> str:
    """What tells the stored bytes of one event from any others: 16 hexadecimal digits."""
    return blake2b(stored, digest_size=8).hexdigest()


def holds(view: TableView, person_id: str, sequence: int) -> bool:
    """Whether the entry of an event is there, staged or committed."""
    return view.get(key(person_id, sequence)) is not None


def stage(
    view: TableView, event: Event, stored: bytes, stream_sequence: int, max_bytes: int, *, erased: bool = False
) -> None:
    """Stage the entries of a stored event and its place in its correlation; raises RowTooLargeError above `max_bytes`.

    The first part comes last: where it is, a crash has taken nothing else.
    """
    position = {"partition": view.partition, "stream_sequence": stream_sequence}
    place = _PLACE % (event.person_id.encode(), event.sequence, digest_of(stored).encode())
    view.put(correlation_key(event.correlationid, stream_sequence), place)
    parts = event.parts
    for part in reversed(range(len(parts))):
        value = encode_entry(parts[part], part, position, erased=erased)
        view.put(key(event.person_id, event.sequence, part), fitting(value, max_bytes))


def stage_erasure(view: TableView, person_id: str) -> None:
    """Stage all entries of a person without their details."""
    prefix = f"{person_id}:".encode()
    rows = dict(view.table.scan(view.partition, prefix))
    rows.update((name, value) for name, value in view.staged.items() if value is not None and name.startswith(prefix))
    for name, value in rows.items():
        view.put(name, orjson.dumps(without_details(orjson.loads(value))))


_PLACE = b'{"person_id":"%b","sequence":%d,"digest":"%b"}'
