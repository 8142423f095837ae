"""The ordered loop of one topic partition: take everything pending, run every agent on it, commit once, repeat.

Guarantee: records are processed in offset order, each at least once and never after a later one; `committable` only moves
past records whose effects are durable. A cycle that fails is repeated from the same record with backing off."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from lanes.agent import Batch, LaneAgent
from lanes.commit import group_commit
from lanes.failure import stack_of
from lanes.producer import DurableProducer
from lanes.record import Record
from lanes.table import TableView

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S = 0.1
LAST_BACKOFF_S = 10.0


class Lane:
    """Runs the agents of one topic for one partition. Records enter by `deliver` from the fetch or `hand_over` from the bridge."""

    def __init__(
        self,
        topic: str,
        partition: int,
        agents: Sequence[LaneAgent],
        producer: DurableProducer,
        *,
        max_batch: int,
        max_backlog: int,
        on_drained: Callable[[], None],
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.committable: int | None = None
        self.cycles = 0
        self.records_done = 0
        self.busy_seconds = 0.0
        self._agents = agents
        self._tables = tuple({table.name: table for agent in agents for table in agent.tables}.values())
        self._producer = producer
        self._max_batch = max_batch
        self._max_backlog = max_backlog
        self._on_drained = on_drained
        self._full = False
        self._pending: deque[Record] = deque()
        self._next_offset: int | None = None
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def backlog(self) -> int:
        """Records accepted and not yet taken by a cycle."""
        return len(self._pending)

    @property
    def expected_offset(self) -> int:
        """Records below this offset were accepted already."""
        return self._next_offset or 0

    def start(self, position: int | None) -> None:
        """Begin taking records; `position` is where the lane stands if nothing waits behind it in the log, else None."""
        self._next_offset = position
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"lane {self.topic}[{self.partition}]")

    async def stop(self, budget_s: float) -> None:
        """Finish the running cycle within the budget, else cut it off; what was not committed is redone by the next owner."""
        self._stopping = True
        self._wake.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait({self._task}, timeout=budget_s)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task})
        for agent in self._agents:
            agent.forget(self.partition)

    def deliver(self, records: Sequence[Record]) -> bool:
        """Accept fetched records from `expected_offset` on.

        True means that the backlog is full: the fetch should pause until `on_drained` is called.
        """
        self._accept(records)
        self._full = len(self._pending) >= self._max_backlog
        return self._full

    def hand_over(self, records: Sequence[Record]) -> None:
        """Accept records that this worker has just written, if they continue the lane without a hole; else the fetch brings them."""
        if records and self._next_offset == records[0].offset and len(self._pending) < self._max_backlog:
            self._accept(records)

    def _accept(self, records: Sequence[Record]) -> None:
        if records:
            self._pending.extend(records)
            self._next_offset = records[-1].offset + 1
            self._wake.set()

    async def _run(self) -> None:
        while not self._stopping:
            if not self._pending:
                self._wake.clear()
                await self._wake.wait()
                continue
            records = [self._pending.popleft() for _ in range(min(len(self._pending), self._max_batch))]
            await self._complete(records)
            if self._full and len(self._pending) <= self._max_backlog // 2:
                self._full = False
                self._on_drained()

    async def _complete(self, records: list[Record]) -> None:
        backoff = FIRST_BACKOFF_S
        while not self._stopping:
            try:
                await self._cycle(records)
                return
            except Exception as error:
                logger.error(
                    "lane %s[%s]: the cycle from offset %s failed and is repeated in %.1f s: %s",
                    self.topic,
                    self.partition,
                    records[0].offset,
                    backoff,
                    stack_of(error),
                )
                for agent in self._agents:
                    agent.forget(self.partition)
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, LAST_BACKOFF_S)

    async def _cycle(self, records: list[Record]) -> None:
        started = time.perf_counter()
        batch = Batch(self.partition, records, {table.name: TableView(table, self.partition) for table in self._tables})
        for agent in self._agents:
            await agent.process(batch)
        await group_commit(self._producer, self.partition, batch.views())
        for agent in self._agents:
            await agent.committed(batch)
        self.committable = records[-1].offset + 1
        self.cycles += 1
        self.records_done += len(records)
        self.busy_seconds += time.perf_counter() - started
