"""Table `summary`: person id to the summary row of domain.md 16.2, with `sequence` and `position` of the last applied event."""

from __future__ import annotations

from typing import Any

import orjson

from domain.person import Person
from domain.views.summary import render_summary
from lanes.table import LaneTable, TableView
from tables.row_size import fitting

NAME = "summary"


class SummaryTable:
    """Reads of the summary model."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table

    def read(self, partition: int, person_id: str) -> dict[str, Any] | None:
        """The committed row of a person."""
        value = self.table.get(partition, person_id.encode())
        return None if value is None else orjson.loads(value)


def sequence(view: TableView, person_id: str) -> int:
    """The last event of a person that its row holds, 0 without a row."""
    value = view.get(person_id.encode())
    return 0 if value is None else int(orjson.loads(value)["sequence"])


def stage(view: TableView, person: Person, stream_sequence: int, max_bytes: int) -> None:
    """Stage the rendering of a state; raises RowTooLargeError above `max_bytes`."""
    key = person.person_id.encode()
    row = render_summary(person)
    if row is None:
        view.delete(key)
        return
    row["sequence"] = person.version
    row["position"] = {"partition": view.partition, "stream_sequence": stream_sequence}
    view.put(key, fitting(orjson.dumps(row), max_bytes))
