"""Table `timeline`: one row per event, keyed by person id, sequence and part, so that a person's timeline is one range of keys."""

from __future__ import annotations

from typing import Any

import orjson

from lanes.table import LaneTable, TableView
from tables.row_size import fitting

NAME = "timeline"


def key(person_id: str, sequence: int, part: int = 0) -> bytes:
    """The row key; fixed width, so that keys sort as events do."""
    return f"{person_id}:{sequence:010d}:{part:03d}".encode()


class TimelineTable:
    """Reads of the timeline model."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table

    def read(self, partition: int, person_id: str) -> list[dict[str, Any]]:
        """All entries of a person, oldest first."""
        return [orjson.loads(value) for _, value in self.table.scan(partition, f"{person_id}:".encode())]


def holds(view: TableView, person_id: str, sequence: int) -> bool:
    """Whether the entry of an event is there, staged or committed."""
    return view.get(key(person_id, sequence)) is not None


def stage(view: TableView, entry: dict[str, Any], stream_sequence: int, max_bytes: int) -> None:
    """Stage one entry; raises RowTooLargeError above `max_bytes`."""
    row = {**entry, "position": {"partition": view.partition, "stream_sequence": stream_sequence}}
    view.put(key(entry["person_id"], entry["sequence"], entry["part"]), fitting(orjson.dumps(row), max_bytes))
