"""One member of the consumer group of an egress route: fetches for its partitions and pauses those that are full.

The group only says who carries which partition. Positions are kept by `bridge/checkpoint.py`; offsets are committed to the group so that
Kafka's tools show the lag, and are never read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from bridge.egress import EgressLane
from bridge.ending import end
from bridge.errors import BridgeError
from connections.kafka_cluster import KafkaCluster, kafka_options

logger = logging.getLogger(__name__)

POLL_MS = 200
COMMIT_PERIOD_S = 2.0
RETRY_S = 1.0
FETCH_BYTES = 1 << 20
"""Bytes that one fetch brings of a partition; above the bounds of a lane at most this is in memory."""
MAX_POLL_RECORDS = 2_000
PASSING = (NoOffsetForPartitionError,)
"""Errors of a partition whose lane has not said yet where to begin."""


class KafkaSource:
    """Reads one topic as a member of a group and keeps a lane for each partition that the group gives to this worker."""

    def __init__(
        self,
        kafka: KafkaCluster | str,
        *,
        topic: str,
        group: str,
        client_id: str,
        session_timeout_s: float,
        new_lane: Callable[[int, PartitionOfSource], EgressLane],
    ) -> None:
        self.topic = topic
        self.failures = 0
        self.last_error: str | None = None
        self._options: dict[str, Any] = {
            **kafka_options(kafka),
            "group_id": group,
            "client_id": client_id,
            "enable_auto_commit": False,
            # Where to begin is for the checkpoint to say; falling back to an end would skip records in silence.
            "auto_offset_reset": "none",
            "isolation_level": "read_committed",
            "max_partition_fetch_bytes": FETCH_BYTES,
            "fetch_max_wait_ms": 250,
            "session_timeout_ms": int(session_timeout_s * 1000),
            "heartbeat_interval_ms": int(session_timeout_s * 250),
            "rebalance_timeout_ms": 15_000,
            "request_timeout_ms": 20_000,
            "metadata_max_age_ms": 30_000,
        }
        self._new_lane = new_lane
        self._lanes: dict[TopicPartition, EgressLane] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._committed: dict[TopicPartition, int] = {}

    def start(self) -> None:
        """Join the group and begin to fetch."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"egress source {self.topic}")

    async def stop(self) -> None:
        """Stop all lanes and leave the group."""
        self._stopping = True
        await self._stop_lanes(list(self._lanes))
        if self._task is not None:
            await end(self._task)
        await self._close()

    def lanes(self) -> list[EgressLane]:
        """The lanes of the partitions of this worker."""
        return [self._lanes[tp] for tp in sorted(self._lanes)]

    def behind(self, lane: EgressLane) -> int:
        """Records of a lane's partition that are not known to be stored, by where the partition ended at its last fetch."""
        tp = TopicPartition(self.topic, lane.partition)
        if self._consumer is None or lane.offset is None or tp not in self._consumer.assignment():
            return 0
        end: int | None = self._consumer.highwater(tp)
        return 0 if end is None else max(0, end - lane.offset)

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._open()
                await self._fetch()
            except Exception as error:
                # Whatever it was, the way on is the same; giving up would stop the route in silence.
                self.failures += 1
                self.last_error = type(error).__name__
                logger.warning("egress source %s starts again in %.0f s: %s", self.topic, RETRY_S, self.last_error)
                await self._stop_lanes(list(self._lanes))
                await self._close()
                await asyncio.sleep(RETRY_S)

    async def _open(self) -> None:
        consumer = AIOKafkaConsumer(**self._options)
        self._consumer = consumer
        await consumer.start()
        consumer.subscribe([self.topic], listener=_Listener(self._assigned, self._revoked))
        self.last_error = None

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), timeout=5)

    async def _fetch(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        loop = asyncio.get_running_loop()
        committed_at = loop.time()
        while not self._stopping:
            try:
                fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_POLL_RECORDS)
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    if tp in self._lanes:
                        self._lanes[tp].out_of_range()
                continue
            except KafkaError as error:
                if not error.retriable and not isinstance(error, PASSING):
                    raise
                await asyncio.sleep(POLL_MS / 1000)
                continue
            for tp, records in fetched.items():
                lane = self._lanes.get(tp)
                if lane is not None and lane.deliver(records):
                    with suppress(IllegalStateError):
                        consumer.pause(tp)
            if loop.time() - committed_at > COMMIT_PERIOD_S:
                committed_at = loop.time()
                await self._commit()

    async def _commit(self) -> None:
        offsets = {tp: lane.offset for tp, lane in self._lanes.items() if lane.offset is not None}
        moved = {tp: offset for tp, offset in offsets.items() if self._committed.get(tp) != offset}
        if moved and self._consumer is not None:
            # Only tools read it; the next time comes in seconds.
            with suppress(KafkaError, OSError):
                await self._consumer.commit({tp: OffsetAndMetadata(offset, "") for tp, offset in moved.items()})
                self._committed.update(moved)

    async def _assigned(self, assigned: Iterable[TopicPartition]) -> None:
        consumer = self._consumer
        if consumer is None or self._stopping:
            return
        for tp in assigned:
            # Nothing is fetched before the lane has claimed the partition and knows where to begin.
            consumer.pause(tp)
            lane = self._new_lane(tp.partition, PartitionOfSource(consumer, tp))
            self._lanes[tp] = lane
            lane.start()

    async def _revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._stop_lanes(revoked)

    async def _stop_lanes(self, partitions: Iterable[TopicPartition]) -> None:
        lanes = [lane for lane in (self._lanes.pop(tp, None) for tp in partitions) if lane is not None]
        await asyncio.gather(*(lane.stop() for lane in lanes))


class PartitionOfSource:
    """One partition of a consumer, as its lane moves it."""

    def __init__(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
        self._consumer = consumer
        self._tp = tp

    async def go_to(self, offset: int) -> int:
        """Read from `offset` on, or from the first offset there is; raises BridgeError when the partition ends before it."""
        tp = self._tp
        earliest = (await self._consumer.beginning_offsets([tp]))[tp]
        end = (await self._consumer.end_offsets([tp]))[tp]
        if offset > end:
            raise BridgeError(
                f"{tp.topic}[{tp.partition}] ends at {end}, before the stored position {offset}: was the topic made anew? "
                "Give the route another target.checkpoint or remove the checkpoint"
            )
        first = max(offset, earliest)
        self._consumer.seek(tp, first)
        return int(first)

    def resume(self) -> None:
        """Fetch again."""
        with suppress(IllegalStateError):
            self._consumer.resume(self._tp)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Hands both sides of a rebalance to coroutines."""

    def __init__(self, assigned: Callable[[Any], Any], revoked: Callable[[Any], Any]) -> None:
        self._assigned = assigned
        self._revoked = revoked

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Before others get the partitions."""
        await self._revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """After the group has agreed."""
        await self._assigned(assigned)
