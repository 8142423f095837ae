"""What tables with one row per person share: key, reads, and how a rendering becomes a row.

A row carries `sequence`, the last event of the person that changed it, and `position`, where that event lies in the stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from domain.views.portrait import Row
from lanes.table import LaneTable, TableView
from tables.row_size import fitting


class RenderedTable:
    """Reads of a model with one row per person."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table

    def read(self, partition: int, person_id: str) -> dict[str, Any] | None:
        """The committed row of a person."""
        value = self.table.get(partition, person_id.encode())
        return None if value is None else orjson.loads(value)

    def rows(self, partition: int, *, after: str = "") -> Iterator[dict[str, Any]]:
        """The committed rows of a partition behind a person id, in the order of ids."""
        # A key that is longer by a zero byte is the next one that can be.
        start = f"{after}\0".encode() if after else b""
        for key, value in self.table.scan(partition, b"", start=start):
            if not key.startswith(b"__"):
                yield orjson.loads(value)


def find(view: TableView, person_id: str) -> dict[str, Any] | None:
    """The row of a person, staged or committed."""
    value = view.get(person_id.encode())
    return None if value is None else orjson.loads(value)


def stage(
    view: TableView, person_id: str, row: Row | None, *, sequence: int, stream_sequence: int, max_bytes: int
) -> None:
    """Stage the rendering of a person, or the removal of its row; raises RowTooLargeError above `max_bytes`."""
    key = person_id.encode()
    if row is None:
        if view.get(key) is not None:
            view.delete(key)
        return
    row["sequence"] = sequence
    row["position"] = {"partition": view.partition, "stream_sequence": stream_sequence}
    view.put(key, fitting(orjson.dumps(row), max_bytes))
