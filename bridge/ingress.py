"""Ingress: carries one JetStream consumer to Kafka, in order and without holes, payload byte for byte.

Guarantee: at least once, in order per Kafka partition; a message is acknowledged to JetStream only after all in-sync replicas of
Kafka have it. The stream sequence travels as a header, which makes the effect once in the lanes. On any failure the lane stops,
resets the consumer to its acknowledged floor and resumes in order; it never skips."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.ending import end
from bridge.errors import BridgeError, UnmappableError
from bridge.header_names import TOMBSTONE
from bridge.jetstream import PULL_MAX_BYTES, Delivery, OrderedPull
from bridge.rate import Rate

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S = 0.1
LAST_BACKOFF_S = 5.0
ACK_PERIOD_S = 0.1
IDLE_WAIT_S = 0.5


class Destination(NamedTuple):
    """Where a message goes: the Kafka partition and record key, None for a record without a key."""

    partition: int
    key: bytes | None


class KafkaRecord(NamedTuple):
    """A record ready for Kafka; a `value` of None is a tombstone."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Sequence[tuple[str, bytes]]


class KafkaWriter(Protocol):
    """Writes records to partitions of a topic."""

    async def __call__(self, topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        """Return once all in-sync replicas have every record; raise when one may be missing."""


Router = Callable[[Delivery], Destination | Awaitable[Destination | None] | None]
"""Says where a message goes. None: it was disposed of (answered, dead-lettered) durably and may be acknowledged."""

Headers = Callable[[Delivery], "list[tuple[str, bytes]] | None"]
"""The headers of a record, or None for a message that must not be carried again."""

Reject = Callable[[Delivery, UnmappableError], Awaitable[None]]
"""Stores a message that can never be carried durably elsewhere."""


class IngressLane:
    """One consumer to one topic. Runs until stopped; errors are logged and retried in order."""

    def __init__(
        self,
        nc: Client,
        *,
        stream: str,
        consumer: str,
        topic: str,
        route: Router,
        headers: Headers,
        reject: Reject,
        write: KafkaWriter,
        batch: int,
        ensure: Callable[[], Awaitable[None]],
        max_bytes: int = PULL_MAX_BYTES,
    ) -> None:
        self.name = consumer
        self.carried = 0
        self.rejected = 0
        self.looped = 0
        self.failures = 0
        self.last_error: str | None = None
        self.rate = Rate()
        self._topic = topic
        self._route = route
        self._headers = headers
        self._reject = reject
        self._write = write
        self._ensure = ensure
        self._pull = OrderedPull(nc, stream, consumer, batch=batch, max_bytes=max_bytes)
        self._to_acknowledge: Delivery | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def most_held(self) -> int:
        """The most messages that were in memory at once."""
        return self._pull.most_held

    def start(self) -> None:
        """Begin carrying."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"ingress {self.name}")

    async def stop(self) -> None:
        """Stop carrying; what Kafka has acknowledged is acknowledged to JetStream if the server can be reached."""
        self._stopping = True
        await self._pull.stop()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=2.0)
            if not done:
                await end(self._task)
            # A start that was under way has subscribed anew.
            await self._pull.stop()

    async def _run(self) -> None:
        backoff = FIRST_BACKOFF_S
        while not self._stopping:
            acknowledging: asyncio.Task[None] | None = None
            try:
                # Somebody may have deleted the consumer, and its reset would not even be answered then. A new one delivers
                # everything again, which has no second effect.
                await self._ensure()
                await self._pull.start()
                acknowledging = asyncio.get_running_loop().create_task(self._acknowledge_periodically())
                while not self._stopping:
                    deliveries = await self._pull.next(IDLE_WAIT_S)
                    if deliveries:
                        await self._carry(deliveries)
                        backoff = FIRST_BACKOFF_S
                    self.last_error = None
                await self._acknowledge()
            except Exception as error:
                # Whatever it was, the way on is the same; giving up would stop the partition in silence.
                if self._stopping:
                    return
                self.failures += 1
                self.last_error = str(error) if isinstance(error, BridgeError) else type(error).__name__
                logger.warning(
                    "ingress %s stopped (%s) and resumes in order in %.1f s", self.name, self.last_error, backoff
                )
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, LAST_BACKOFF_S)
            finally:
                self._to_acknowledge = None
                if acknowledging is not None:
                    acknowledging.cancel()

    async def _carry(self, deliveries: Sequence[Delivery]) -> None:
        by_partition: dict[int, list[KafkaRecord]] = {}
        for delivery in deliveries:
            try:
                headers = self._headers(delivery)
                if headers is None:
                    self.looped += 1
                    continue
                destination: Any = self._route(delivery)
                if destination is not None and type(destination) is not Destination:
                    destination = await destination
            except UnmappableError as error:
                await self._reject(delivery, error)
                self.rejected += 1
                continue
            if destination is None:
                continue
            record = KafkaRecord(destination.key, _value(delivery), delivery.stored_ns // 1_000_000, headers)
            by_partition.setdefault(destination.partition, []).append(record)
        if by_partition:
            await self._write(self._topic, by_partition)
        self.carried += len(deliveries)
        self.rate.add(len(deliveries))
        self._to_acknowledge = deliveries[-1]

    async def _acknowledge_periodically(self) -> None:
        # Acknowledging every batch would cost a request per event when traffic is thin; a later acknowledgement only
        # means that more is carried twice after a crash.
        while True:
            await asyncio.sleep(ACK_PERIOD_S)
            try:
                await self._acknowledge()
            except (NatsError, TimeoutError, OSError) as error:
                logger.warning(
                    "ingress %s could not acknowledge (%s); the next acknowledgement covers it", self.name, error
                )

    async def _acknowledge(self) -> None:
        delivery = self._to_acknowledge
        if delivery is not None:
            await self._pull.acknowledge(delivery)
            if self._to_acknowledge is delivery:
                self._to_acknowledge = None


async def stop_all(lanes: Iterable[IngressLane]) -> None:
    """Stop several lanes at once."""
    await asyncio.gather(*(lane.stop() for lane in lanes))


def _value(delivery: Delivery) -> bytes | None:
    """The body, or None for what egress marked as a tombstone."""
    if not delivery.data and delivery.headers and delivery.headers.get(TOMBSTONE) == "true":
        return None
    return delivery.data
