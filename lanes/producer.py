"""The idempotent Kafka producer (acks=all) through which the bridge writes whole batches to chosen partitions.

Guarantee: `write` returns only when every record is acknowledged by all in-sync replicas; after a failure the
next call starts from a fresh producer session, so one fatal error never wedges what follows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from connections.kafka_cluster import KafkaCluster, kafka_options


class OutgoingRecord(NamedTuple):
    """One record to write; a `key` of None is no key, a `value` of None a tombstone."""

    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Sequence[tuple[str, bytes]] = ()


class OutgoingBatch(NamedTuple):
    """Records for one topic partition, in order, as `OutgoingRecord` or as plain tuples of its fields."""

    topic: str
    partition: int
    records: Sequence[tuple[bytes | None, bytes | None, int, Sequence[tuple[str, bytes]]]]


class DurableProducer:
    """Owns one aiokafka producer and replaces it after a failed write."""

    def __init__(self, kafka: KafkaCluster | str, *, client_id: str, max_batch_bytes: int) -> None:
        self._kafka = kafka
        self._client_id = client_id
        self._max_batch_bytes = max_batch_bytes
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect; raises the client's error when no broker answers."""
        await self._session()

    async def stop(self) -> None:
        """Send what is buffered and disconnect, sessions of failed writes included."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
        await asyncio.gather(*self._closing)

    async def write(self, batches: Iterable[OutgoingBatch]) -> list[list[int]]:
        """Write all batches and return, per batch, the offsets of its records.

        Batches for several partitions share produce requests. Raises the first error of the client; records of other
        partitions may have been stored then, so the caller's effect must be idempotent.
        """
        outgoing = list(batches)
        producer = await self._session()
        acks: list[tuple[int, int, asyncio.Future[object]]] = []
        try:
            for index, batch in enumerate(outgoing):
                for count, ack in await self._enqueue(producer, batch):
                    acks.append((index, count, ack))
            done = await asyncio.gather(*(ack for _, _, ack in acks), return_exceptions=True)
        except BaseException as error:
            for _, _, ack in acks:
                ack.add_done_callback(_retrieve)
            if isinstance(error, Exception):
                # After a fatal error the client refuses whatever is enqueued.
                self._abandon(producer)
            raise
        offsets: list[list[int]] = [[] for _ in outgoing]
        for (index, count, _), result in zip(acks, done, strict=True):
            if isinstance(result, BaseException):
                self._abandon(producer)
                raise result
            first: int = result.offset  # type: ignore[attr-defined]  # aiokafka's RecordMetadata has no stubs
            offsets[index].extend(range(first, first + count))
        return offsets

    async def _enqueue(
        self, producer: AIOKafkaProducer, outgoing: OutgoingBatch
    ) -> list[tuple[int, asyncio.Future[object]]]:
        acks = []
        builder = producer.create_batch()
        for key, value, timestamp_ms, headers in outgoing.records:
            fields = {"key": key, "value": value, "timestamp": timestamp_ms, "headers": list(headers)}
            if builder.append(**fields) is None:
                # The builder is full; an empty one always takes one record, whatever its size. The next batch of a partition
                # waits for this one: after a failure nothing later may be stored.
                ack = await self._submit(producer, builder, outgoing)
                acks.append((builder.record_count(), ack))
                await ack
                builder = producer.create_batch()
                builder.append(**fields)
        if builder.record_count():
            acks.append((builder.record_count(), await self._submit(producer, builder, outgoing)))
        return acks

    @staticmethod
    async def _submit(producer: AIOKafkaProducer, builder: object, outgoing: OutgoingBatch) -> asyncio.Future[object]:
        future: asyncio.Future[object] = await producer.send_batch(
            builder, outgoing.topic, partition=outgoing.partition
        )
        return future

    async def _session(self) -> AIOKafkaProducer:
        if self._producer is None:
            async with self._starting:
                await asyncio.gather(*self._closing)
                if self._producer is None:
                    producer = AIOKafkaProducer(
                        **kafka_options(self._kafka),
                        client_id=self._client_id,
                        enable_idempotence=True,
                        acks="all",
                        linger_ms=0,
                        max_batch_size=self._max_batch_bytes,
                        max_request_size=8 * self._max_batch_bytes,
                        request_timeout_ms=30_000,
                    )
                    try:
                        await producer.start()
                    except BaseException:
                        await producer.stop()
                        raise
                    self._producer = producer
        return self._producer

    def _abandon(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            closing = asyncio.get_running_loop().create_task(_close_without_sending(producer))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


async def _close_without_sending(producer: AIOKafkaProducer) -> None:
    """Close a session so that nothing that it still holds reaches the broker after what its successor writes."""
    with suppress(asyncio.CancelledError, Exception):
        await producer._sender.close()
    producer._message_accumulator.fail_all(ProducerClosed())
    with suppress(Exception):
        await asyncio.wait_for(producer.stop(), timeout=5)


def _retrieve(future: asyncio.Future[object]) -> None:
    """Mark a result as seen after its writer was cancelled."""
    if not future.cancelled():
        future.exception()
