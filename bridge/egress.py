"""Egress: carries one Kafka partition to a JetStream stream; the records and the position move in one atomic batch.

Guarantee: exactly once and in order, for ever. A batch is stored completely or not at all, and only if the position is the one that this
owner left; an earlier owner is refused whenever its batch arrives. A record that can never be stored is in the dead letters before the
position passes it. Nothing else is skipped: while JetStream is slow, full or away the partition waits."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nats.errors import Error as NatsError

from bridge.batch import BatchWriter, Outgoing, SentBatch
from bridge.checkpoint import Checkpoint, Position
from bridge.egress_mapping import EgressMapping
from bridge.ending import end
from bridge.errors import AppendRefusedError, BridgeError, FencedError, UnmappableError
from bridge.rate import Rate
from bridge.routes import Bounds

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S = 0.1
LAST_BACKOFF_S = 2.0
ANSWER_S = 10.0
RECORD_OVERHEAD_BYTES = 200
"""What a record costs in memory besides its key, value and headers."""


class PartitionReader(Protocol):
    """The Kafka side of a partition."""

    async def go_to(self, offset: int) -> int:
        """Read from an offset on, or from the first one there is when Kafka has deleted it; returns where reading begins."""

    def resume(self) -> None:
        """Go on reading after `deliver` asked for a pause."""


Reject = Callable[[Any, UnmappableError], Awaitable[None]]
"""Stores a record that can never be carried durably elsewhere."""


@dataclass
class _Batch:
    """Records that move together: what they became and the position behind them."""

    messages: list[Outgoing] = field(default_factory=list)
    rejected: list[tuple[Any, UnmappableError]] = field(default_factory=list)
    looped: int = 0
    records: list[Any] = field(default_factory=list)
    bytes: int = 0


class EgressLane:
    """One partition of a route while this worker owns it. Runs until stopped; errors are retried in order."""

    def __init__(
        self,
        *,
        name: str,
        partition: int,
        checkpoint: Checkpoint,
        writer: BatchWriter,
        mapping: Callable[[], Awaitable[EgressMapping]],
        reader: PartitionReader,
        reject: Reject,
        bounds: Bounds,
        fenced_wait_s: float,
    ) -> None:
        self.name = name
        self.partition = partition
        self.carried = 0
        self.rejected = 0
        self.looped = 0
        self.deleted = 0
        self.offset: int | None = None
        self.fenced = False
        self.paused = False
        self.failures = 0
        self.last_error: str | None = None
        self.rate = Rate()
        self.held = 0
        self.held_bytes = 0
        self.most_held = 0
        self.most_held_bytes = 0
        self._owner = uuid.uuid4().hex
        self._checkpoint = checkpoint
        self._writer = writer
        self._mapping_of_stream = mapping
        self._mapping: EgressMapping | None = None
        self._reader = reader
        self._reject = reject
        self._bounds = bounds
        self._fenced_wait_s = fenced_wait_s
        self._arrived: deque[Any] = deque()
        self._wake = asyncio.Event()
        self._accepting = False
        self._restart: BridgeError | None = None
        self._moving: _Batch | None = None
        self._dropped_ms: int | None = None
        self._stopping = False
        self._position = Position(0, 0, "", 0)
        self._task: asyncio.Task[None] | None = None

    @property
    def oldest_ms(self) -> int | None:
        """Time of the first record that was read and is not known to be stored, in milliseconds since the epoch; None without one."""
        held = self._moving.records if self._moving is not None else self._arrived
        return int(held[0].timestamp) if held else self._dropped_ms

    def start(self) -> None:
        """Claim the partition and begin to carry."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"egress {self.name}[{self.partition}]")

    async def stop(self, budget_s: float = 3.0) -> None:
        """End after the batch on its way, or without its answer when the budget is over: the next owner knows what was stored."""
        self._stopping = True
        self._accepting = False
        self._wake.set()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=budget_s)
            if not done:
                await end(self._task)

    def deliver(self, records: Sequence[Any]) -> bool:
        """Take fetched records; True asks for a pause of the partition until `resume`."""
        if not self._accepting:
            return False
        self._arrived.extend(records)
        self.held += len(records)
        self.held_bytes += sum(_size(record) for record in records)
        self.most_held = max(self.most_held, self.held)
        self.most_held_bytes = max(self.most_held_bytes, self.held_bytes)
        self._wake.set()
        self.paused = self._full(1)
        return self.paused

    def out_of_range(self) -> None:
        """Kafka no longer has the offset that was asked for: look where the partition begins now."""
        self._restart = BridgeError("the position is outside of what Kafka holds")
        self._wake.set()

    async def _run(self) -> None:
        backoff = FIRST_BACKOFF_S
        while not self._stopping:
            try:
                self._mapping = await self._mapping_of_stream()
                await self._claim()
                await self._begin()
                while not self._stopping:
                    await self._carry()
                    backoff = FIRST_BACKOFF_S
                return
            except FencedError as error:
                self.fenced = True
                self.failures += 1
                self.last_error = str(error)
                logger.warning("egress %s[%s] ends: %s", self.name, self.partition, error)
                # If the group still gives the partition to this worker when any paused one has found out that it lost it,
                # a new incarnation claims it; this one is refused for ever.
                await self._pause(self._fenced_wait_s)
                self._owner = uuid.uuid4().hex
                self.fenced = False
            except Exception as error:
                # Whatever it was, the way on is the same; giving up would stop the partition in silence.
                if self._stopping:
                    return
                self.failures += 1
                self.last_error = str(error) if isinstance(error, BridgeError) else type(error).__name__
                logger.warning(
                    "egress %s[%s] waits %.1f s and goes on from the stored position: %s",
                    self.name,
                    self.partition,
                    backoff,
                    self.last_error,
                )
                await self._pause(backoff)
                backoff = min(2 * backoff, LAST_BACKOFF_S)
            finally:
                self._drop()

    async def _claim(self) -> None:
        """Make this incarnation the owner: batches of all earlier ones expect another message from now on."""
        found = await self._checkpoint.read() or Position(0, 0, "", 0)
        claim = self._checkpoint.message(found.offset, found.epoch + 1, self._owner, expected=found.sequence)
        try:
            sequence = await self._writer.stored(await self._writer.send([claim]), timeout_s=ANSWER_S)
            self._position = Position(found.offset, found.epoch + 1, self._owner, sequence)
        except (AppendRefusedError, NatsError, TimeoutError):
            now = await self._checkpoint.read()
            if now is None or now.owner != self._owner:
                raise
            self._position = now

    async def _begin(self) -> None:
        first = await self._reader.go_to(self._position.offset)
        # The first owner begins where the topic begins; what a later one misses was there and is gone.
        if first > self._position.offset and self._position.epoch > 1:
            self.deleted += first - self._position.offset
            logger.error(
                "egress %s[%s]: Kafka deleted offsets %s to %s before they were carried",
                self.name,
                self.partition,
                self._position.offset,
                first - 1,
            )
        self.offset = first
        self._restart = None
        self._accepting = True
        self._reader.resume()

    async def _carry(self) -> None:
        """Batches until something fails or the lane stops; the next one is prepared while one is on its way."""
        batch = await self._next_batch()
        while batch is not None:
            self._moving = batch
            sent, offset = await self._send(batch)
            following = _Batch()
            self._fill(following)
            await self._settle(sent, offset, batch)
            if self._stopping:
                return
            # More has arrived meanwhile: the fuller a batch, the cheaper a record.
            self._fill(following)
            batch = self._moving = following if following.records else None

    async def _next_batch(self) -> _Batch | None:
        while True:
            self._wake.clear()
            if self._stopping:
                return None
            if self._restart is not None:
                raise self._restart
            if self._arrived:
                batch = _Batch()
                self._fill(batch)
                return batch
            await self._wake.wait()

    def _fill(self, batch: _Batch) -> None:
        assert self._mapping is not None
        arrived, mapping, bounds = self._arrived, self._mapping, self._bounds
        while arrived and len(batch.messages) < bounds.batch and len(batch.records) < 10 * bounds.batch:
            record = arrived[0]
            try:
                message = mapping(record)
            except UnmappableError as error:
                batch.rejected.append((record, error))
                message = None
            else:
                batch.looped += message is None
            if message is not None:
                size = len(message.data) + len(message.headers)
                if batch.messages and batch.bytes + size > bounds.batch_bytes:
                    return
                batch.bytes += size
                batch.messages.append(message)
            arrived.popleft()
            batch.records.append(record)

    async def _send(self, batch: _Batch) -> tuple[SentBatch, int]:
        for record, error in batch.rejected:
            await self._reject(record, error)
        offset = int(batch.records[-1].offset) + 1
        position = self._checkpoint.message(offset, self._position.epoch, self._owner, expected=self._position.sequence)
        return await self._writer.send([*batch.messages, position]), offset

    async def _settle(self, sent: SentBatch, offset: int, batch: _Batch) -> None:
        try:
            sequence = await self._writer.stored(sent, timeout_s=ANSWER_S)
        except (AppendRefusedError, NatsError, TimeoutError) as error:
            sequence = await self._look(offset, error)
        self._position = Position(offset, self._position.epoch, self._owner, sequence)
        self.offset = offset
        self._dropped_ms = None
        self.last_error = None
        self.carried += len(batch.messages)
        self.rejected += len(batch.rejected)
        self.looped += batch.looped
        self.rate.add(len(batch.messages))
        self.held -= len(batch.records)
        self.held_bytes -= sum(_size(record) for record in batch.records)
        if self.paused and not self._full(2):
            self.paused = False
            self._reader.resume()

    async def _look(self, offset: int, error: Exception) -> int:
        """The sequence of the position if the unanswered batch was stored; raises the error if not, FencedError if somebody claimed it."""
        found = await self._checkpoint.read()
        if found is not None and found.owner == self._owner and found.offset == offset:
            return found.sequence
        if found is None or (found.owner != self._owner and found.epoch > self._position.epoch):
            raise FencedError(
                f"{self._checkpoint.subject} was claimed by another owner, epoch {found.epoch if found else 'none'} after "
                f"{self._position.epoch}"
            ) from error
        raise error

    def _full(self, share: int) -> bool:
        return self.held * share >= self._bounds.messages or self.held_bytes * share >= self._bounds.bytes

    def _drop(self) -> None:
        """Forget what was read; it is read again from the stored position."""
        self._accepting = False
        self._dropped_ms = self.oldest_ms
        self._moving = None
        self._arrived.clear()
        self.held = self.held_bytes = 0

    async def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping and (left := deadline - time.monotonic()) > 0:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), left)
            except TimeoutError:
                return


def _size(record: Any) -> int:
    """Bytes of a record in memory, roughly."""
    size = RECORD_OVERHEAD_BYTES + len(record.value or b"") + len(record.key or b"")
    return size + sum(len(name) + len(value or b"") for name, value in record.headers) if record.headers else size
