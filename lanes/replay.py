"""Brings replicas up to date with their changelogs: `Replay` to a known end as fast as it goes, `Follow` for ever within a share of time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from lanes.changelog import ChangelogReader
from lanes.replica import Replica

RECORDS_PER_STEP = 2000
"""One step takes about 20 ms, in which nothing else runs; only heartbeats and pages wait for it while a worker recovers."""
POLL_MS = 100
RECORDS_PER_SHARED_STEP = 250
"""One step takes about 2 ms, which is what lanes may have to wait for it."""
IDLE_MS = 1000
RATE_WINDOW_S = 5.0


class Progress(NamedTuple):
    """How far a replay is. Rows to go are counted in offsets, an upper bound where a changelog has been compacted."""

    rows_done: int
    rows_to_go: int
    rows_per_second: float
    seconds: float

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the rate of the last seconds; None before there is one."""
        if not self.rows_to_go:
            return 0.0
        return self.rows_to_go / self.rows_per_second if self.rows_per_second else None


class Replay:
    """Replays changelogs up to the ends that are known when it begins."""

    def __init__(self, reader: ChangelogReader, replicas: Iterable[Replica]) -> None:
        self.replicas = list(replicas)
        self._reader = reader
        self._rows_done = 0
        self._began = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._began, 0)])

    @property
    def progress(self) -> Progress:
        """How far the replay is now."""
        now = time.monotonic()
        then, before = self._samples[0]
        rate = (self._rows_done - before) / (now - then) if now > then else 0.0
        return Progress(self._rows_done, sum(one.rows_to_go for one in self.replicas), rate, now - self._began)

    async def run(self) -> None:
        """Return when every replica has reached its end. Raises OffsetOutOfRangeError when a changelog was cut meanwhile."""
        remaining = {replica.tp: replica for replica in self.replicas if replica.rows_to_go}
        if not remaining:
            return
        self._reader.assign({tp: replica.next_offset for tp, replica in remaining.items()})
        while remaining:
            fetched = await self._reader.fetch(RECORDS_PER_STEP, timeout_ms=POLL_MS)
            for tp, records in fetched.items():
                if tp in remaining:
                    await remaining[tp].apply(records)
                    self._count(len(records))
                    await asyncio.sleep(0)
            # Also without a record: the last offsets of a changelog may hold none, and an end must be found all the same.
            for tp, replica in list(remaining.items()):
                replica.advance(await self._reader.position(tp))
                if not replica.rows_to_go:
                    self._reader.drop(tp)
                    del remaining[tp]

    def _count(self, rows: int) -> None:
        self._rows_done += rows
        now = time.monotonic()
        if now - self._samples[-1][0] >= RATE_WINDOW_S / 10:
            self._samples.append((now, self._rows_done))
            if now - self._samples[1][0] > RATE_WINDOW_S:
                self._samples.popleft()


class Follow:
    """Keeps replicas of other workers' partitions up to date, in small steps and within a share of this worker's time."""

    def __init__(self, reader: ChangelogReader, replicas: Iterable[Replica], *, share: float) -> None:
        self.replicas = {replica.tp: replica for replica in replicas}
        self._reader = reader
        self._rest = 1 / share - 1

    @property
    def level(self) -> bool:
        """Whether every replica reached the end that the last fetch told."""
        return not any(replica.rows_to_go for replica in self.replicas.values())

    async def run(self, on_level: Callable[[], object]) -> None:
        """Follow until cancelled; `on_level` is called once, when all replicas are level for the first time.

        Raises OffsetOutOfRangeError when a changelog was cut or made again meanwhile.
        """
        self._reader.assign({tp: replica.next_offset for tp, replica in self.replicas.items()})
        told = False
        while True:
            # Time of this thread's processor: what others take meanwhile must not make the replicas wait longer.
            began = time.thread_time()
            fetched = await self._reader.fetch(RECORDS_PER_SHARED_STEP, timeout_ms=0)
            if not fetched:
                fetched = await self._reader.fetch(RECORDS_PER_SHARED_STEP, timeout_ms=IDLE_MS)
                began = time.thread_time()
            for tp, records in fetched.items():
                await self.replicas[tp].apply(records)
            for tp in fetched or self.replicas:
                replica = self.replicas[tp]
                replica.end = self._reader.end(tp) or replica.end
                replica.advance(await self._reader.position(tp))
            if not told and self.level:
                told = True
                on_level()
            await asyncio.sleep((time.thread_time() - began) * self._rest)
