"""The ordered loop of one topic partition: take everything pending, run every agent on it, commit once, repeat.

Guarantee: records are processed in the order in which they came, each at least once; `committable` only moves past records whose
effects are durable. A cycle that fails is repeated from the same record with backing off; a lane whose partition was claimed by
another worker ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lanes.agent import Batch, LaneAgent
from lanes.commit import group_commit
from lanes.cycle_measures import CycleMeasures
from lanes.failure import stack_of
from lanes.fenced_producer import FencedError, FencedProducer
from lanes.producer import OutgoingBatch, OutgoingRecord
from lanes.record import Record
from lanes.table import TableView

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S = 0.1
LAST_BACKOFF_S = 10.0
LARGE_CYCLE = 100
"""Records above which a cycle lets others run behind each agent: below, an agent takes about a millisecond at most."""


class Carried(NamedTuple):
    """Records that wait to be written with their effects, and the offsets that they will have."""

    records: Sequence[Record]
    offsets: asyncio.Future[list[int]]


class Repeated(NamedTuple):
    """Records that come again in a cycle of their own, what is to be noted in its batch, and the batch once it is durable."""

    records: Sequence[Record]
    prepare: Callable[[Batch], None]
    batch: asyncio.Future[Batch]


class LanePosition(NamedTuple):
    """Where a lane goes on in the log, and whether that is the end of the log."""

    offset: int
    at_end: bool


class Lane:
    """Runs the agents of one topic for one partition.

    Records enter by `deliver` from the fetch, by `hand_over` when this worker has just written them, and by `carry` when this worker
    is about to write them: then the same produce request takes the records and the changelogs of their effects.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        agents: Sequence[LaneAgent],
        producer: FencedProducer,
        *,
        max_batch: int,
        max_backlog: int,
        max_backlog_bytes: int,
        on_drained: Callable[[], None],
        on_fenced: Callable[[], None],
        measures: CycleMeasures | None = None,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.committable: int | None = None
        self.cycles = 0
        self.records_done = 0
        self.busy_seconds = 0.0
        self.measures = measures or CycleMeasures()
        self._agents = agents
        self._tables = tuple({table.name: table for agent in agents for table in agent.tables}.values())
        self._producer = producer
        self._max_batch = max_batch
        self._max_backlog = max_backlog
        self._max_backlog_bytes = max_backlog_bytes
        self._on_drained = on_drained
        self._on_fenced = on_fenced
        self._full = False
        self._pending: deque[Record] = deque()
        self._pending_bytes = 0
        self._carried: deque[Carried] = deque()
        self._carrying = False
        self._held_back: list[Record] = []
        self._repeated: deque[Repeated] = deque()
        self._taken: Sequence[Record] = ()
        self._next_offset = 0
        self._level = False
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def backlog(self) -> int:
        """Records accepted and not yet taken by a cycle."""
        return len(self._pending) + len(self._held_back) + sum(len(carried.records) for carried in self._carried)

    @property
    def unfinished(self) -> int:
        """Records accepted whose effects are not durable and announced yet: the backlog and what the running cycle has taken."""
        return len(self._taken) + self.backlog

    @property
    def oldest_ms(self) -> int | None:
        """Record time of the first unfinished record, in milliseconds since the epoch; None without one."""
        for waiting in (self._taken, self._pending, self._held_back, self._carried[0].records if self._carried else ()):
            if waiting:
                return waiting[0].timestamp_ms
        return None

    @property
    def level(self) -> bool:
        """Whether nothing is known to lie in the log between what this lane has accepted and its end."""
        return self._level and not self._stopping

    @property
    def expected_offset(self) -> int:
        """Records below this offset were accepted already."""
        return max(self._next_offset, self._held_back[-1].offset + 1) if self._held_back else self._next_offset

    def start(self, position: LanePosition) -> None:
        """Begin taking records at a position."""
        for agent in self._agents:
            agent.forget(self.partition)
        self._next_offset = position.offset
        self._level = position.at_end
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"lane {self.topic}[{self.partition}]")

    async def stop(self, budget_s: float) -> None:
        """Finish the running cycle within the budget, else cut it off; what was not committed is redone by the next owner."""
        self._stopping = True
        self._wake.set()
        if self._task is None:
            return
        await asyncio.wait({self._task}, timeout=budget_s)
        while not self._task.done():
            # Again, because a client may have taken a cancellation for the end of its own wait.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1.0)
        self._refuse_carried()
        for agent in self._agents:
            agent.forget(self.partition)
        self._leave_tables()

    def deliver(self, records: Sequence[Record]) -> bool:
        """Accept fetched records that begin at `expected_offset`.

        True means that the backlog is full: the fetch should pause until `on_drained` is called.
        """
        if self._carrying:
            # A large group is in the log before its cycle is over, and the fetch may bring it back meanwhile.
            self._held_back += records
            self._pending_bytes += _bytes_of(records)
        else:
            self._accept(records)
        self._full = not self._holds_less_than(1.0)
        return self._full

    def hand_over(self, records: Sequence[Record]) -> None:
        """Accept records that this worker has just written, if they continue the lane without a hole; else the fetch brings them."""
        whole = bool(records) and records[-1].offset - records[0].offset + 1 == len(records)
        if whole and self._next_offset == records[0].offset and self._holds_less_than(1.0):
            self._accept(records)
            self._level = True

    def skip_to(self, offset: int) -> None:
        """Go on at an offset: the records before it are no longer in the log."""
        # What was held back lies before the hole, and must not be taken for what this lane has carried.
        self._let_in()
        self._next_offset = max(self._next_offset, offset)

    async def carry(self, records: Sequence[Record]) -> list[int]:
        """Process records that are not in the log yet; returns their offsets once they and their effects are durable.

        Offsets of the given records are ignored. Only for a lane that is `level`. Cancelled when the lane stops first.
        """
        if self._stopping:
            raise asyncio.CancelledError
        carried = Carried(records, asyncio.get_running_loop().create_future())
        self._carried.append(carried)
        self._wake.set()
        return await carried.offsets

    async def repeat(self, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        """Process records again that the lane had before, in a cycle of their own between others; returns its batch once it is durable.

        The place of the lane in the log does not move. `prepare` notes in the batch, before any agent sees it, why the records come.
        Cancelled when the lane stops first.
        """
        repeated = Repeated(records, prepare, asyncio.get_running_loop().create_future())
        if self._stopping:
            repeated.batch.cancel()
        self._repeated.append(repeated)
        self._wake.set()
        return await repeated.batch

    def _leave_tables(self) -> None:
        for table in self._tables:
            try:
                table.leave(self.partition)
            except Exception as error:
                logger.error("table %s[%s] could not be written: %s", table.name, self.partition, stack_of(error))

    def _refuse_carried(self) -> None:
        while self._carried:
            self._carried.popleft().offsets.cancel()
        while self._repeated:
            self._repeated.popleft().batch.cancel()

    def _accept(self, records: Sequence[Record]) -> None:
        if records:
            self._pending.extend(records)
            self._pending_bytes += _bytes_of(records)
            self._next_offset = records[-1].offset + 1
            self._wake.set()

    def _let_in(self) -> None:
        """Accept what was held back, without the records that this lane has carried itself."""
        held, self._held_back = self._held_back, []
        self._pending_bytes -= _bytes_of(held)
        self._accept([record for record in held if record.offset >= self._next_offset])

    def _holds_less_than(self, share: float) -> bool:
        """Whether the backlog is below a share of both of its bounds."""
        return (
            len(self._pending) + len(self._held_back) < share * self._max_backlog
            and self._pending_bytes < share * self._max_backlog_bytes
        )

    async def _run(self) -> None:
        while not self._stopping:
            if not (self._pending or self._carried or self._repeated):
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._repeated:
                await self._again(self._repeated.popleft())
            records, carried = self._take()
            if not records and not carried:
                continue
            self._taken = [*records, *(record for one in carried for record in one.records)]
            self._carrying = bool(carried)
            try:
                await self._complete(records, carried)
            finally:
                self._taken = ()
                self._carrying = False
                self._let_in()
                for one in carried:
                    # Without effect on what was told; ends the wait for what was cut off.
                    one.offsets.cancel()
            if self._full and self._holds_less_than(0.5):
                self._full = False
                self._on_drained()

    def _take(self) -> tuple[list[Record], list[Carried]]:
        """Fetched records first: they lie before what this worker carries. A carried group is never split."""
        if len(self._pending) <= self._max_batch:
            records = list(self._pending)
            self._pending.clear()
            self._pending_bytes = 0
        else:
            records = [self._pending.popleft() for _ in range(self._max_batch)]
            self._pending_bytes -= _bytes_of(records)
        carried: list[Carried] = []
        while self._carried and self._carried[0].offsets.done():
            # Whoever wanted them carried waits no more, and brings them again.
            self._carried.popleft()
        size = len(records)
        while self._carried and (not size or size + len(self._carried[0].records) <= self._max_batch):
            carried.append(self._carried.popleft())
            size += len(carried[-1].records)
        return records, carried

    async def _again(self, repeated: Repeated) -> None:
        try:
            await self._complete([], [], repeated)
        finally:
            # Without effect on what was told; ends the wait for what was cut off.
            repeated.batch.cancel()

    async def _complete(self, records: list[Record], carried: list[Carried], repeated: Repeated | None = None) -> None:
        backoff = FIRST_BACKOFF_S
        while not self._stopping:
            try:
                await self._cycle(records, carried, repeated)
                return
            except FencedError as error:
                # Whoever owns the partition now does this cycle again. The group protocol will tell this worker soon.
                logger.warning("lane %s[%s] ends: %s", self.topic, self.partition, error)
                self._stopping = True
                self.measures.fenced += 1
                self._refuse_carried()
                self._on_fenced()
            except Exception as error:
                self.measures.failed += 1
                logger.error(
                    "lane %s[%s]: the cycle from offset %s failed and is repeated in %.1f s: %s",
                    self.topic,
                    self.partition,
                    records[0].offset if records else self._next_offset,
                    backoff,
                    stack_of(error),
                )
                for agent in self._agents:
                    agent.forget(self.partition)
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, LAST_BACKOFF_S)

    async def _cycle(self, records: list[Record], carried: list[Carried], repeated: Repeated | None) -> None:
        started = time.perf_counter()
        unwritten = [record for one in carried for record in one.records]
        everything = [*records, *unwritten, *(repeated.records if repeated is not None else ())]
        views = {table.name: TableView(table, self.partition) for table in self._tables}
        batch = Batch(self.partition, everything, views)
        if repeated is not None:
            repeated.prepare(batch)
        for agent in self._agents:
            await agent.process(batch)
            if len(everything) > LARGE_CYCLE:
                # It must not keep readers and other lanes waiting until its end.
                await asyncio.sleep(0)
        source = OutgoingBatch(self.topic, self.partition, [outgoing(record) for record in unwritten])
        committing = time.perf_counter()
        offsets = await group_commit(self._producer, self.partition, batch.views(), source=source)
        committed = time.perf_counter()
        if not await self._tell(batch):
            _hand_out(offsets, carried)
            return
        if records:
            self.committable = records[-1].offset + 1
        if offsets:
            self._settle(offsets, carried)
        if self.committable is not None and not self._pending:
            # Everything that was accepted is done, what was carried in earlier cycles too.
            self.committable = self._next_offset
        if repeated is not None and not repeated.batch.done():
            repeated.batch.set_result(batch)
        self.cycles += 1
        self.records_done += len(everything)
        took = time.perf_counter() - started
        self.busy_seconds += took
        self.measures.seconds.observe(took)
        self.measures.commit_seconds.observe(committed - committing)
        self.measures.records.observe(len(everything))

    async def _tell(self, batch: Batch) -> bool:
        """Let the agents announce what is durable; the cycle is not repeated for it, because its records are in the log already.

        False when the lane stops before all is announced: the cycle does not become committable, so that the next owner announces it.
        """
        backoff = FIRST_BACKOFF_S
        for agent in self._agents:
            while True:
                try:
                    await agent.committed(batch)
                    break
                except Exception as error:
                    if self._stopping:
                        return False
                    logger.error(
                        "lane %s[%s]: %s could not announce: %s",
                        self.topic,
                        self.partition,
                        agent.name,
                        stack_of(error),
                    )
                    await asyncio.sleep(backoff)
                    backoff = min(2 * backoff, LAST_BACKOFF_S)
        return True

    def _settle(self, offsets: list[int], carried: list[Carried]) -> None:
        """Move past carried records if they continue the lane; else the fetch brings what lies between, and them again."""
        if offsets[0] == self._next_offset and offsets[-1] - offsets[0] + 1 == len(offsets):
            self._next_offset = offsets[-1] + 1
            if not self._pending:
                # What the fetch brought meanwhile lies before and is not processed yet.
                self.committable = self._next_offset
        elif offsets[-1] >= self._next_offset:
            self._level = False
        _hand_out(offsets, carried)


def _hand_out(offsets: list[int], carried: list[Carried]) -> None:
    """Tell those who wait for carried records where these are in the log."""
    for one in carried:
        told, offsets = offsets[: len(one.records)], offsets[len(one.records) :]
        if not one.offsets.done():
            one.offsets.set_result(told)


def _bytes_of(records: Sequence[Record]) -> int:
    return sum([len(record.value) for record in records])


def outgoing(record: Record) -> OutgoingRecord:
    """A record as the producer takes it."""
    return OutgoingRecord(record.key, record.value, record.timestamp_ms, tuple(record.headers.items()))
