"""Trims what is processed from a stream and from the topic that carries it; what is not processed stays in both.

Guarantee: a message leaves the stream only when every partition has processed it with a durable outcome, a record leaves the topic only
below the committed offset. That is derived from what the servers hold and from nothing that a worker remembers, so it is true after any
restart, failover or rebalance, and two workers that trim at once do each other no harm."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from nats.aio.client import Client

from bridge.errors import BridgeError
from bridge.headers import SEQUENCE, STREAM
from bridge.jetstream import NO_MESSAGE, JetStreamError, api
from connections.kafka_cluster import KafkaCluster, kafka_options

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 10_000
READ_BUDGET_S = 5.0


@dataclass(frozen=True)
class ProcessedLog:
    """A stream, the consumer that carries it to a topic, and the consumer group that processes the topic.

    The group commits an offset only after the outcomes of the records below it are durable.
    """

    stream: str
    consumer: str
    topic: str
    partitions: int
    group: str
    trims_stream: bool = True
    """False where somebody else processes the stream now: what the topic still holds goes by age, the stream is left alone."""


class TrimPlan(NamedTuple):
    """What may go: stream sequences from `first_sequence` to below `purge_below`, and per partition the offsets below a bound."""

    first_sequence: int
    purge_below: int
    delete_before: Mapping[int, int]
    oldest_s: float
    """Age of the oldest message that may go, 0 without one."""

    @property
    def empty(self) -> bool:
        """Whether neither log holds anything that may go."""
        return self.purge_below <= self.first_sequence and not self.delete_before


class Trimming:
    """Trims one log periodically; errors are logged and the next period tries again."""

    def __init__(
        self, nc: Client, kafka: KafkaCluster | str, log: ProcessedLog, *, keep_s: float, interval_s: float
    ) -> None:
        self.purged = 0
        self.deleted = 0
        self.last_error: str | None = None
        self._nc = nc
        self._kafka = kafka
        self._log = log
        self._keep_s = keep_s
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin trimming."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"trimming {self._log.stream}")

    async def stop(self) -> None:
        """Stop at once: every step of a round is harmless alone and comes again in the next one."""
        # Kafka's client may swallow a cancellation while it connects or closes.
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.5)

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
                self.last_error = None
            except Exception as error:
                # Whatever it was, the next round begins from what the servers hold; giving up would keep personal data in silence.
                self.last_error = type(error).__name__
                logger.warning(
                    "trimming %s failed (%s) and is tried again in %g s",
                    self._log.stream,
                    self.last_error,
                    self._interval_s,
                )
            await asyncio.sleep(self._interval_s)

    async def _round(self) -> None:
        purged, deleted = await trim(self._nc, self._kafka, self._log, keep_s=self._keep_s)
        self.purged += purged
        self.deleted += deleted
        if purged or deleted:
            logger.info(
                "trimmed %s messages of %s and %s records of %s", purged, self._log.stream, deleted, self._log.topic
            )


async def trim(nc: Client, kafka: KafkaCluster | str, log: ProcessedLog, *, keep_s: float) -> tuple[int, int]:
    """Remove what is processed and older than `keep_s` seconds; returns how many messages and records went.

    Raises BridgeError, KafkaError or NatsError when a server does not do its part; then some of it may be gone already.
    """
    async with _kafka(kafka) as (admin, reader):
        plan = await _plan(nc, admin, reader, log, keep_s)
        deleted = 0
        if plan.delete_before:
            begins = await reader.beginning_offsets([TopicPartition(log.topic, one) for one in plan.delete_before])
            await admin.delete_records(
                {TopicPartition(log.topic, one): RecordsToDelete(before) for one, before in plan.delete_before.items()}
            )
            deleted = sum(max(0, plan.delete_before[tp.partition] - begin) for tp, begin in begins.items())
    purged = 0
    if log.trims_stream and plan.purge_below > plan.first_sequence:
        purged = (await api(nc, f"STREAM.PURGE.{log.stream}", {"seq": plan.purge_below}, timeout_s=30))["purged"]
    return purged, deleted


async def plan_trim(nc: Client, kafka: KafkaCluster | str, log: ProcessedLog, *, keep_s: float) -> TrimPlan:
    """What `trim` would remove now."""
    async with _kafka(kafka) as (admin, reader):
        return await _plan(nc, admin, reader, log, keep_s)


@asynccontextmanager
async def _kafka(kafka: KafkaCluster | str) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
    admin = AIOKafkaAdminClient(**kafka_options(kafka), request_timeout_ms=REQUEST_TIMEOUT_MS)
    reader = AIOKafkaConsumer(
        **kafka_options(kafka),
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        # A position that is gone must not move to where somebody else has not read yet.
        auto_offset_reset="none",
        enable_auto_commit=False,
        max_partition_fetch_bytes=1 << 14,
    )
    try:
        await admin.start()
        await reader.start()
        yield admin, reader
    finally:
        await reader.stop()
        await admin.close()


async def _plan(
    nc: Client, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer, log: ProcessedLog, keep_s: float
) -> TrimPlan:
    # The order matters. What the consumer has acknowledged was in Kafka before; so it lies below the ends that are read after.
    carried = await _carried(nc, log)
    state = (await api(nc, f"STREAM.INFO.{log.stream}"))["state"]
    partitions = [TopicPartition(log.topic, partition) for partition in range(log.partitions)]
    ends = await reader.end_offsets(partitions)
    begins = await reader.beginning_offsets(partitions)
    committed = await admin.list_consumer_group_offsets(log.group, partitions=partitions)
    # Without a commit the lane begins at the first record that there is; so does what it has not processed.
    done = {tp: max(committed[tp].offset if tp in committed else 0, begins[tp]) for tp in partitions}

    cutoff_ms = int((time.time() - keep_s) * 1000)
    young = await reader.offsets_for_times(dict.fromkeys(partitions, cutoff_ms))
    delete_before = {}
    for tp in partitions:
        first_young = young.get(tp)
        before = min(done[tp], ends[tp], ends[tp] if first_young is None else first_young.offset)
        if before > begins[tp]:
            delete_before[tp.partition] = before

    unprocessed = await _first_unprocessed(
        reader, log.stream, {tp: done[tp] for tp in partitions if done[tp] < ends[tp]}, ends
    )
    first_sequence = int(state["first_seq"])
    young_sequence = await _first_sequence_since(nc, log.stream, cutoff_ms)
    bounds = [carried + 1, *unprocessed]
    if young_sequence is not None:
        bounds.append(young_sequence)
    # The first sequence of a stream that never had a message is 0.
    purge_below = min(bounds) if state["messages"] else first_sequence
    oldest_s = (
        time.time() - datetime.fromisoformat(state["first_ts"]).timestamp() if purge_below > first_sequence else 0.0
    )
    return TrimPlan(first_sequence, purge_below, delete_before, oldest_s)


async def _carried(nc: Client, log: ProcessedLog) -> int:
    """The stream sequence up to which everything is in Kafka."""
    info = await api(nc, f"CONSUMER.INFO.{log.stream}.{log.consumer}")
    found = info["config"]
    if found["deliver_policy"] != "all" or found.get("filter_subject") or found.get("filter_subjects"):
        raise BridgeError(
            f"consumer {log.consumer} of {log.stream} leaves messages out; what it acknowledged is not everything"
        )
    return int(info["ack_floor"]["stream_seq"])


async def _first_unprocessed(
    reader: AIOKafkaConsumer, stream: str, waiting: dict[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> list[int]:
    """Stream sequence of the first record of each partition that has some to process; 0 where it cannot be told.

    Ingress writes each partition in stream order, and repeats only from its acknowledged floor on. So whatever lies behind that
    record has a higher sequence, or is a repetition of what was processed.
    """
    if not waiting:
        return []
    reader.assign(list(waiting))
    for tp, offset in waiting.items():
        reader.seek(tp, offset)
    found: dict[TopicPartition, int] = {}
    deadline = time.monotonic() + READ_BUDGET_S
    missing = set(waiting)
    while missing and time.monotonic() < deadline:
        fetched = await reader.getmany(*missing, timeout_ms=500)
        for tp, records in fetched.items():
            if tp not in found and records:
                found[tp] = _sequence(stream, records[0].headers)
        # What is left may be nothing but marks of transactions, which a reader passes over.
        missing = {tp for tp in waiting if tp not in found and await reader.position(tp) < ends[tp]}
    return [*found.values(), *(0 for _ in missing)]


def _sequence(stream: str, headers: tuple[tuple[str, bytes], ...]) -> int:
    """The stream sequence of a record; 0, which holds everything, for one that ingress did not carry from this stream."""
    named = dict(headers)
    text = named.get(SEQUENCE, b"")
    return int(text) if named.get(STREAM) == stream.encode() and text.isdigit() else 0


async def _first_sequence_since(nc: Client, stream: str, time_ms: int) -> int | None:
    """The first message that was stored at a time or later, or None."""
    since = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
    try:
        found = await api(nc, f"STREAM.MSG.GET.{stream}", {"start_time": since, "next_by_subj": ">"})
    except JetStreamError as error:
        if error.code == NO_MESSAGE:
            return None
        raise
    return int(found["message"]["seq"])
