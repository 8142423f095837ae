"""Reads changelog partitions in whole fetches, beside the consumer group.

Guarantee: records of a partition come in order and without holes from the offset given to `assign`; an offset that the log no longer
has is an error, never a silent jump. The group's own consumer leaves changelogs alone, so neither waits for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP


@dataclass(frozen=True)
class FetchBounds:
    """How large fetches may get, and how long the broker holds one back that has too little."""

    max_bytes: int
    max_partition_bytes: int
    min_bytes: int
    max_wait_ms: int


class ChangelogReader:
    """One consumer without a group. `connection` holds what a client needs to reach the brokers."""

    def __init__(self, connection: Mapping[str, Any], bounds: FetchBounds) -> None:
        self._connection = connection
        self._bounds = bounds
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connect, if that has not happened yet; raises the client's error."""
        if self._consumer is not None:
            return
        consumer = AIOKafkaConsumer(
            **self._connection,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_bytes=self._bounds.max_bytes,
            max_partition_fetch_bytes=self._bounds.max_partition_bytes,
            fetch_min_bytes=self._bounds.min_bytes,
            fetch_max_wait_ms=self._bounds.max_wait_ms,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer

    async def stop(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def bounds(self, partitions: Iterable[TP]) -> dict[TP, tuple[int, int]]:
        """First offset of each partition and the offset behind its last record that all in-sync replicas have."""
        asked = [TopicPartition(*tp) for tp in partitions]
        if not asked:
            return {}
        earliest, ends = await asyncio.gather(
            self._connected.beginning_offsets(asked), self._connected.end_offsets(asked)
        )
        return {TP(*tp): (earliest[tp], ends[tp]) for tp in asked}

    def assign(self, positions: Mapping[TP, int]) -> None:
        """Read these partitions from these offsets on, and no others."""
        if not positions:
            self._connected.unsubscribe()
            return
        self._connected.assign([TopicPartition(*tp) for tp in positions])
        for tp, offset in positions.items():
            self._connected.seek(TopicPartition(*tp), offset)

    def drop(self, tp: TP) -> None:
        """Fetch no more from a partition."""
        self._connected.pause(TopicPartition(*tp))

    async def fetch(self, max_records: int, *, timeout_ms: int) -> dict[TP, Sequence[Any]]:
        """What has been fetched, at most `max_records`; waits up to the timeout for the first of them.

        Raises OffsetOutOfRangeError when the log does not have the offset to read.
        """
        fetched = await self._connected.getmany(max_records=max_records, timeout_ms=timeout_ms)
        return {TP(*tp): records for tp, records in fetched.items()}

    async def position(self, tp: TP) -> int:
        """The offset that comes next; it also moves past offsets without a record (compacted ones, markers of transactions)."""
        position: int = await self._connected.position(TopicPartition(*tp))
        return position

    def end(self, tp: TP) -> int | None:
        """The end of a partition as the last fetch told it, or None before the first."""
        end: int | None = self._connected.highwater(TopicPartition(*tp))
        return end

    @property
    def _connected(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "the reader is started first"
        return self._consumer
