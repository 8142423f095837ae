"""Table `statistics`: UTC day to the counts of that day in a partition (domain.md 16.8), with `position`.

A row tells by itself which events it counts: those of its day up to its `position`, and those that came out of order, which `late`
names by person and last stream sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from domain.views.statistics import DayStatistics
from lanes.table import LaneTable, TableView

NAME = "statistics"


@dataclass
class DayRow:
    """The counts of one day and which events are in them. `stream_sequence` is the last one that was counted in order."""

    counts: DayStatistics = field(default_factory=DayStatistics)
    stream_sequence: int = 0
    late: dict[str, int] = field(default_factory=dict)

    def copy(self) -> DayRow:
        """A row that can be counted in while this one stays as it is."""
        return DayRow(self.counts.copy(), self.stream_sequence, dict(self.late))


class StatisticsTable:
    """Reads of the statistics."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table

    def read(self, partition: int, day: str) -> dict[str, Any] | None:
        """The committed row of a day (YYYY-MM-DD)."""
        value = self.table.get(partition, day.encode())
        return None if value is None else orjson.loads(value)

    def rows(self, partition: int, first: str = "", last: str = "9999-12-31") -> Iterator[dict[str, Any]]:
        """The committed rows of the days from `first` to `last`, both included, in order."""
        for key, value in self.table.scan(partition, b"", start=first.encode()):
            if key > last.encode():
                return
            if not key.startswith(b"__"):
                yield orjson.loads(value)


def find(view: TableView, day: str) -> DayRow:
    """The row of a day, staged or committed; an empty one when nothing was counted."""
    value = view.get(day.encode())
    if value is None:
        return DayRow()
    row = orjson.loads(value)
    return DayRow(DayStatistics.restored(row), row["position"]["stream_sequence"], row.get("late", {}))


def stage(view: TableView, day: str, row: DayRow) -> None:
    """Stage the row of a day."""
    value: dict[str, Any] = {"day": day, **row.counts.row()}
    if row.late:
        value["late"] = row.late
    value["position"] = {"partition": view.partition, "stream_sequence": row.stream_sequence}
    view.put(day.encode(), orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
