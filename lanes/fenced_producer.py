"""The idempotent producer of the lanes: one identity per partition, fenced by epoch, one produce request for all that is pending.

Guarantee: `write` returns only when every record is acknowledged by all in-sync replicas, in order and once however often a request
had to be repeated. After another worker has claimed the partition and written to it, the broker refuses every write of this one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    DuplicateSequenceNumber,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
    for_code,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from connections.kafka_cluster import KafkaCluster, kafka_options
from lanes.clock_reading import ClockReading
from lanes.epoch import ProducerEpoch, next_epoch
from lanes.produce_request import ProducedBatch, ProduceRequest
from lanes.producer import OutgoingBatch

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 10_000
REPLICAS_TIMEOUT_MS = 5_000
FIRST_BACKOFF_S = 0.05
LAST_BACKOFF_S = 1.0
SEQUENCES = 1 << 31
NO_HEADERS: list[tuple[str, bytes]] = []

_NO_LONGER_OURS = (
    DuplicateSequenceNumber,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)


class FencedError(Exception):
    """This worker may not write to the partition: another one has claimed it since, or it was never claimed."""


@dataclass(slots=True)
class _Claim:
    """An epoch of a partition, and per topic the sequence number of the next record; None where a write was cut off."""

    identity: ProducerEpoch
    sequences: dict[str, int | None] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    """Topics that are being written: two writes at a time would take the same sequence number."""
    freed: asyncio.Event = field(default_factory=asyncio.Event)


class _Round:
    """Chunks that are awaited together."""

    __slots__ = ("abandoned", "error", "finished", "remaining")

    def __init__(self, chunks: int) -> None:
        self.remaining = chunks
        self.error: BaseException | None = None
        self.abandoned = False
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, error: BaseException | None = None) -> None:
        """One chunk is done or has failed for good."""
        self.error = self.error or error
        self.remaining -= 1
        if not self.remaining and not self.finished.done():
            if self.error is None:
                self.finished.set_result(None)
            else:
                self.finished.set_exception(self.error)


class _Chunk:
    """One record batch on its way to one topic partition."""

    __slots__ = ("at", "attempts", "claim", "count", "data", "first", "next_sequence", "round")

    def __init__(self, at: TopicPartition, claim: _Claim, data: bytes, count: int, sequence: int) -> None:
        self.at = at
        self.claim = claim
        self.data = data
        self.count = count
        self.next_sequence = (sequence + count) % SEQUENCES
        self.attempts = 0
        self.first = -1
        self.round: _Round

    def stored(self, offset: int) -> None:
        """The broker has it, its first record at `offset`."""
        self.first = offset
        self.claim.sequences[self.at.topic] = self.next_sequence
        self.round.settle()


class FencedProducer:
    """Writes whole batches to partitions that it has claimed. `name` begins the transactional ids, one per partition."""

    def __init__(self, kafka: KafkaCluster | str, *, name: str, client_id: str, max_batch_bytes: int) -> None:
        self._kafka = kafka
        self._name = name
        self._client_id = client_id
        self._max_batch_bytes = max_batch_bytes
        self._max_request_bytes = 8 * max_batch_bytes
        self._client: AIOKafkaClient | None = None
        self._claims: dict[int, _Claim] = {}
        self._pending: dict[int, deque[_Chunk]] = {}
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._retrying: set[asyncio.Task[None]] = set()
        self.clocks: dict[int, ClockReading] = {}
        """By broker, its clock when it last appended to a changelog."""

    async def start(self) -> None:
        """Connect; raises the client's error when no broker answers."""
        client = AIOKafkaClient(
            **kafka_options(self._kafka), client_id=self._client_id, request_timeout_ms=REQUEST_TIMEOUT_MS
        )
        try:
            await client.bootstrap()
        except BaseException:
            await client.close()
            raise
        self._client = client

    async def stop(self) -> None:
        """Disconnect. What is still being written is not waited for."""
        tasks = [*self._sending.values(), *self._retrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def claim(self, partitions: Iterable[int]) -> None:
        """Take the next epoch of each partition. What its owner before writes is refused once this one has written."""
        if self._client is None:
            await self.start()
        client = self._connected()
        wanted = sorted(set(partitions))
        identities = await asyncio.gather(*(next_epoch(client, f"{self._name}-{partition}") for partition in wanted))
        self._claims = {partition: _Claim(identity) for partition, identity in zip(wanted, identities, strict=True)}

    async def write(self, partition: int, batches: Iterable[OutgoingBatch]) -> list[list[int]]:
        """Write batches of different topics to one claimed partition and return, per batch, the offsets of its records.

        Repeats a request for as long as the cluster does not answer. Raises FencedError when this worker may not write, else the
        client's error for what cannot be stored; records of other batches may have been stored then. Writes to the same topic
        partition follow each other.
        """
        claim = self._claims.get(partition)
        if claim is None:
            raise FencedError(f"partition {partition} was not claimed")
        outgoing = list(batches)
        topics = {batch.topic for batch in outgoing}
        while not claim.busy.isdisjoint(topics):
            claim.freed.clear()
            await claim.freed.wait()
        claim.busy |= topics
        try:
            return await self._write(claim, outgoing)
        finally:
            claim.busy -= topics
            claim.freed.set()

    async def _write(self, claim: _Claim, outgoing: Sequence[OutgoingBatch]) -> list[list[int]]:
        offsets: list[list[int]] = [[] for _ in outgoing]
        while True:
            chunks = [
                (of_batch, self._next_chunk(claim, batch, len(of_batch)))
                for of_batch, batch in zip(offsets, outgoing, strict=True)
                if len(of_batch) < len(batch.records)
            ]
            if not chunks:
                return offsets
            await self._deliver([chunk for _, chunk in chunks])
            for of_batch, chunk in chunks:
                of_batch.extend(range(chunk.first, chunk.first + chunk.count))

    def _next_chunk(self, claim: _Claim, batch: OutgoingBatch, begin: int) -> _Chunk:
        sequence = claim.sequences.get(batch.topic, 0)
        if sequence is None:
            raise FencedError(f"a write to {batch.topic}[{batch.partition}] was cut off; claim the partition again")
        builder = DefaultRecordBatchBuilder(
            magic=2,
            compression_type=0,
            is_transactional=0,
            producer_id=claim.identity.producer_id,
            producer_epoch=claim.identity.epoch,
            base_sequence=sequence,
            batch_size=self._max_batch_bytes,
        )
        append = builder.append
        count = 0
        for key, value, timestamp_ms, headers in batch.records[begin:] if begin else batch.records:
            # A full builder refuses; an empty one takes one record, whatever its size.
            if append(count, timestamp_ms, key, value, list(headers) if headers else NO_HEADERS) is None:
                break
            count += 1
        return _Chunk(TopicPartition(batch.topic, batch.partition), claim, bytes(builder.build()), count, sequence)

    async def _deliver(self, chunks: Sequence[_Chunk]) -> None:
        awaited = _Round(len(chunks))
        for chunk in chunks:
            chunk.round = awaited
            self._enqueue(chunk)
        try:
            await awaited.finished
        except asyncio.CancelledError:
            awaited.abandoned = True
            for chunk in chunks:
                if chunk.first < 0:
                    # Whether the broker has it is not known any more.
                    chunk.claim.sequences[chunk.at.topic] = None
            raise

    def _enqueue(self, chunk: _Chunk) -> None:
        node = self._connected().cluster.leader_for_partition(chunk.at)
        if node is None or node < 0:
            self._repeat([chunk], "it has no leader")
            return
        self._pending.setdefault(node, deque()).append(chunk)
        if node not in self._sending:
            # The task begins after the lanes that are ready now have enqueued as well: one request takes them all.
            sending = asyncio.get_running_loop().create_task(self._send_pending(node))
            self._sending[node] = sending

    async def _send_pending(self, node: int) -> None:
        """Keep one request to a node in flight until nothing is pending for it."""
        pending = self._pending[node]
        try:
            while pending:
                request = [pending.popleft()]
                size = len(request[0].data)
                while pending and size + len(pending[0].data) <= self._max_request_bytes:
                    request.append(pending.popleft())
                    size += len(request[-1].data)
                await self._send(node, [chunk for chunk in request if not chunk.round.abandoned])
        finally:
            del self._sending[node]

    async def _send(self, node: int, chunks: Sequence[_Chunk]) -> None:
        if not chunks:
            return
        request = ProduceRequest(
            (ProducedBatch(chunk.at.topic, chunk.at.partition, chunk.data) for chunk in chunks), REPLICAS_TIMEOUT_MS
        )
        sent = time.time()
        try:
            answer = await self._connected().send(node, request)
        except Exception as error:
            # Whatever it was, the same batches again have no second effect; giving up would leave a lane waiting.
            self._repeat(chunks, type(error).__name__)
            return
        unanswered = {chunk.at: chunk for chunk in chunks}
        appended_ms = max((one.time_ms for one in answer.produced), default=-1)
        if appended_ms > 0:
            self.clocks[node] = ClockReading(appended_ms / 1000, sent, time.time())
        for topic, partition, code, offset, _ in answer.produced:
            self._answered(unanswered.pop(TopicPartition(topic, partition)), code, offset)
        if unanswered:
            self._repeat(list(unanswered.values()), "no answer for it")

    def _answered(self, chunk: _Chunk, code: int, offset: int) -> None:
        if not code:
            chunk.stored(offset)
            return
        error = for_code(code)
        if issubclass(error, _NO_LONGER_OURS):
            name = f"{chunk.at.topic}[{chunk.at.partition}]"
            chunk.round.settle(FencedError(f"the broker refused a write to {name}: {error.__name__}"))
        elif error.retriable:
            self._repeat([chunk], error.__name__)
        else:
            chunk.round.settle(error(f"{chunk.at.topic}[{chunk.at.partition}]: {error.__name__}"))

    def _repeat(self, chunks: Sequence[_Chunk], why: str) -> None:
        """Send the same batches again after backing off. Their sequence numbers make the effect once."""
        repeated = asyncio.get_running_loop().create_task(self._repeat_later(chunks, why))
        self._retrying.add(repeated)
        repeated.add_done_callback(self._retrying.discard)

    async def _repeat_later(self, chunks: Sequence[_Chunk], why: str) -> None:
        attempts = chunks[0].attempts
        if attempts % 20 == 1:
            first = chunks[0].at
            logger.warning("writing to %s[%s] is repeated: %s", first.topic, first.partition, why)
        await asyncio.sleep(min(LAST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(attempts, 10)))
        client = self._connected()
        for topic in {chunk.at.topic for chunk in chunks}:
            client.add_topic(topic)
        with suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(client.force_metadata_update(), REQUEST_TIMEOUT_MS / 1000)
        for chunk in chunks:
            chunk.attempts += 1
            if not chunk.round.abandoned:
                self._enqueue(chunk)

    def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            raise FencedError("the producer is not started")
        return self._client
