"""How far each owned partition has applied the event stream; readers of their own writes wait here.

Guarantee: a position is announced only after every table of the lane holds the events up to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from lanes.table import LaneTable, TableView

KEY = b"__position__"
"""Row of each partition of each table on person.events: the stream sequence up to which this table is applied."""


def stage(view: TableView, stream_sequence: int) -> None:
    """Stage the position of a table in a lane cycle."""
    view.put(KEY, str(stream_sequence).encode())


def read(table: LaneTable, partition: int) -> int:
    """The committed position of a table in a partition, 0 when it never applied anything."""
    value = table.get(partition, KEY)
    return 0 if value is None else int(value)


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
            for wanted, reached in waiting:
                if wanted <= stream_sequence and not reached.done():
                    reached.set_result(None)
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
