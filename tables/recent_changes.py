"""What lane cycles have committed lately, for readers that follow changes: kept for partitions that somebody listens to, and bounded.

A reader names the cycle behind which it goes on. When that is not kept any more, it has to read the tables instead."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Staged = Mapping[bytes, bytes | None]

LISTENED_S = 30.0
"""How long a partition counts as listened to after somebody asked."""
KEPT_ROWS = 5000
"""Rows of all tables together behind which older cycles make room. The last cycle is kept however large it is: one cycle of a lane may write
more, and whoever follows would read the whole table for each."""

_incarnations = itertools.count(int(time.time() * 1000))


class Cycle(NamedTuple):
    """One committed cycle: its mark, the rows it wrote by table (None for one that it removed), and how far it applied the stream."""

    mark: str
    tables: Mapping[str, Staged]
    stream_sequence: int


class _Followed:
    def __init__(self) -> None:
        self.incarnation = next(_incarnations)
        self.number = 0
        self.first = 1
        self.rows = 0
        self.cycles: deque[Cycle] = deque()
        self.until = 0.0
        self.moved = asyncio.Event()

    def mark(self) -> str:
        return f"{self.incarnation}:{self.number}"


class RecentChanges:
    """The cycles of the partitions of one worker."""

    def __init__(self, *, kept_rows: int = KEPT_ROWS) -> None:
        self._kept_rows = kept_rows
        self._followed: dict[int, _Followed] = {}

    def listen(self, partition: int) -> str:
        """Keep the cycles of a partition for a while; returns the mark behind which they are kept for whoever begins now."""
        followed = self._followed.get(partition)
        if followed is None:
            followed = self._followed[partition] = _Followed()
        followed.until = time.monotonic() + LISTENED_S
        return followed.mark()

    def is_listened_to(self, partition: int) -> bool:
        """Whether cycles of a partition are to be added; one that nobody asks for any more is forgotten."""
        followed = self._followed.get(partition)
        if followed is None:
            return False
        if followed.until < time.monotonic():
            self.forget(partition)
            return False
        return True

    def add(self, partition: int, tables: Mapping[str, Staged], stream_sequence: int) -> None:
        """Keep a committed cycle, by reference; the oldest ones make room, the last one stays."""
        followed = self._followed[partition]
        followed.number += 1
        followed.cycles.append(Cycle(followed.mark(), tables, stream_sequence))
        followed.rows += _rows(tables)
        while followed.rows > self._kept_rows and len(followed.cycles) > 1:
            followed.rows -= _rows(followed.cycles.popleft().tables)
            followed.first += 1
        moved, followed.moved = followed.moved, asyncio.Event()
        moved.set()

    def since(self, partition: int, mark: str) -> Sequence[Cycle] | None:
        """The cycles behind a mark; None when some of them are not kept."""
        followed = self._followed.get(partition)
        incarnation, _, number = mark.partition(":")
        if followed is None or incarnation != str(followed.incarnation) or int(number) < followed.first - 1:
            return None
        skipped = int(number) - followed.first + 1
        return list(itertools.islice(followed.cycles, skipped, None))

    async def moved(self, partition: int, timeout_s: float) -> None:
        """Wait until a cycle is added, the partition is forgotten, or the time is over."""
        followed = self._followed.get(partition)
        if followed is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await followed.moved.wait()

    def forget(self, partition: int) -> None:
        """Drop the cycles of a partition; marks of before are unknown from now on."""
        followed = self._followed.pop(partition, None)
        if followed is not None:
            followed.moved.set()


def _rows(tables: Mapping[str, Staged]) -> int:
    return sum(len(staged) for staged in tables.values())
