"""How far each owned partition has applied the event stream; readers of their own writes wait here.

Guarantee: a position is announced only after every table of the lane holds the events up to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from lanes.table import LaneTable, TableView

KEY = b"__position__"
"""Row of each partition of each table on person.events: the stream sequence up to which this table is applied, and what is known of the others."""


class TablePosition(NamedTuple):
    """What the row of a table says: the table holds every event up to `stream_sequence`.

    `written` names, per table, the stream sequence with which the same `era` had written it last: a table that holds that one lacks
    nothing up to the row's own. An era is one owner of the partition from its start, or from its last failed cycle, on.
    """

    stream_sequence: int = 0
    era: int = 0
    written: Mapping[str, int] = {}


def encode(position: TablePosition) -> bytes:
    """The stored form."""
    stream_sequence, era, written = position
    return orjson.dumps({"stream_sequence": stream_sequence, "era": era, "written": written})


def stage(view: TableView, row: bytes) -> None:
    """Stage the position of a table in a lane cycle, behind its other rows."""
    view.put(KEY, row)


def find(table: LaneTable, partition: int) -> TablePosition:
    """The committed position of a table in a partition, with nothing in it when the table never applied anything."""
    value = table.get(partition, KEY)
    if value is None:
        return TablePosition()
    row = orjson.loads(value)
    # A row of before there were eras is a number: it says nothing of other tables.
    return TablePosition(row) if isinstance(row, int) else TablePosition(**row)


def read(table: LaneTable, partition: int) -> int:
    """The stream sequence up to which a table is known by itself to be applied, 0 when it never applied anything."""
    return find(table, partition).stream_sequence


def reached(rows: Mapping[str, TablePosition]) -> int:
    """The stream sequence up to which all tables are applied, told from the rows of all of them by name."""
    return max(
        one.stream_sequence
        for one in rows.values()
        if all(_covers(other, one, one.written.get(name)) for name, other in rows.items())
    )


def _covers(other: TablePosition, one: TablePosition, written: int | None) -> bool:
    """Whether a table holds every event up to the position of another one, which knows when it was `written`."""
    if other.stream_sequence >= one.stream_sequence:
        return True
    return written is not None and other.era == one.era and other.stream_sequence >= written


class AppliedPositions:
    """Stream sequence applied per partition."""

    def __init__(self) -> None:
        self._applied: dict[int, int] = {}
        self._waiting: dict[int, list[tuple[int, asyncio.Future[None]]]] = {}

    def advance(self, partition: int, stream_sequence: int) -> None:
        """Say that everything up to a stream sequence of a partition is visible."""
        if stream_sequence <= self._applied.get(partition, 0):
            return
        self._applied[partition] = stream_sequence
        waiting = self._waiting.get(partition)
        if waiting:
            for wanted, arrived in waiting:
                if wanted <= stream_sequence and not arrived.done():
                    arrived.set_result(None)
            self._waiting[partition] = [entry for entry in waiting if not entry[1].done()]

    def applied(self, partition: int) -> int:
        """The applied stream sequence of a partition, 0 when nothing is known."""
        return self._applied.get(partition, 0)

    def snapshot(self) -> Mapping[int, int]:
        """All known positions."""
        return dict(self._applied)

    async def reached(self, partition: int, stream_sequence: int, timeout_s: float) -> bool:
        """Wait until a position is applied; False when the time is over first."""
        if self.applied(partition) >= stream_sequence:
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(partition, []).append((stream_sequence, future))
        done, _ = await asyncio.wait({future}, timeout=timeout_s)
        if not done:
            future.cancel()
            self._waiting[partition] = [entry for entry in self._waiting[partition] if entry[1] is not future]
        return bool(done)
