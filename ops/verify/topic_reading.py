"""Reads a topic partition of Kafka from its beginning to its end, and on from there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from connections.kafka_cluster import KafkaCluster, kafka_options

READ_S = 30.0
RECORDS = 2000


class PartitionReader:
    """One topic partition; each call of `some` goes on where the last one ended. An async context manager."""

    def __init__(self, kafka: KafkaCluster | str, topic: str, partition: int) -> None:
        self._tp = TopicPartition(topic, partition)
        self._kafka = kafka
        self._consumer: AIOKafkaConsumer | None = None
        self.first = 0
        """The first offset that the log still has."""

    async def __aenter__(self) -> PartitionReader:
        consumer = AIOKafkaConsumer(
            **kafka_options(self._kafka),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            metadata_max_age_ms=5000,
        )
        self._consumer = consumer
        try:
            await consumer.start()
            consumer.assign([self._tp])
            self.first = (await consumer.beginning_offsets([self._tp]))[self._tp]
            consumer.seek(self._tp, self.first)
        except BaseException:
            await consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._consumer is not None
        await self._consumer.stop()

    async def records(self) -> AsyncIterator[Sequence[Any]]:
        """What comes up to the end that the log has when this begins; raises TimeoutError when the broker stops telling."""
        assert self._consumer is not None
        end = (await self._consumer.end_offsets([self._tp]))[self._tp]
        while await self._consumer.position(self._tp) < end:
            before = await self._consumer.position(self._tp)
            fetched = await self._consumer.getmany(self._tp, timeout_ms=int(READ_S * 1000), max_records=RECORDS)
            some = fetched.get(self._tp, [])
            if some:
                yield some
            elif await self._consumer.position(self._tp) == before:
                raise TimeoutError(f"{self._tp.topic}[{self._tp.partition}] cannot be read to its end")
