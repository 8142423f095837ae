"""Trimming of processed messages on real servers: what is processed goes from both logs, nothing else ever does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from nats.aio.client import Client

from bridge.errors import BridgeError
from bridge.headers import SEQUENCE, STREAM
from bridge.jetstream import Delivery, OrderedPull, api
from bridge.trimming import ProcessedLog, Trimming, plan_trim, trim
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints

PARTITIONS = 3
LONG_S = 3600.0


class CarriedLog:
    """A stream that a test carries to a topic and processes step by step. Message n of the stream goes to the partition in its data."""

    def __init__(self, nc: Client, servers: Endpoints, log: ProcessedLog, producer: DurableProducer) -> None:
        self.log = log
        self.pull = OrderedPull(nc, log.stream, log.consumer, batch=100)
        self.kafka: dict[int, list[int]] = {partition: [] for partition in range(PARTITIONS)}
        self.committed: dict[int, int] = {}
        self._nc = nc
        self._servers = servers
        self._producer = producer

    async def send(self, partitions: Sequence[int]) -> None:
        """Store a message for each of the partitions."""
        for partition in partitions:
            await self._nc.request(f"{self.log.stream}.m", str(partition).encode(), timeout=30)

    async def receive(self, count: int) -> list[Delivery]:
        """Take the next messages from the acknowledged floor on."""
        await self.pull.start()
        taken: list[Delivery] = []
        async with asyncio.timeout(60):
            while len(taken) < count:
                taken += await self.pull.next(1.0)
        await self.pull.stop()
        return taken[:count]

    async def carry(self, count: int, *, acknowledge: bool = True, stream: str | None = None) -> None:
        """Write the next messages to Kafka, as ingress does."""
        taken = await self.receive(count)
        for one in taken:
            partition = int(one.data)
            named = self.log.stream if stream is None else stream
            headers = ((STREAM, named.encode()), (SEQUENCE, str(one.stream_sequence).encode()))
            record = OutgoingRecord(b"key", one.data, one.stored_ns // 1_000_000, headers)
            await self._producer.write([OutgoingBatch(self.log.topic, partition, [record])])
            self.kafka[partition].append(one.stream_sequence)
        if acknowledge:
            await self.pull.acknowledge(taken[-1])

    async def process(self, offsets: Mapping[int, int]) -> None:
        """Commit offsets, as the group does once the outcomes are durable."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers.kafka_bootstrap, group_id=self.log.group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(self.log.topic, partition) for partition in offsets])
            await consumer.commit({TopicPartition(self.log.topic, one): offset for one, offset in offsets.items()})
        finally:
            await consumer.stop()
        self.committed.update(offsets)

    async def trim(self, keep_s: float = 0.0) -> tuple[int, int]:
        """Trim as the owner of the first partition does."""
        return await trim(self._nc, self._servers.kafka_bootstrap, self.log, keep_s=keep_s)

    async def stored(self) -> set[int]:
        """Sequences that the stream holds."""
        state = (await api(self._nc, f"STREAM.INFO.{self.log.stream}"))["state"]
        return set(range(state["first_seq"], state["last_seq"] + 1)) if state["messages"] else set()

    async def begins(self) -> dict[int, int]:
        """First offset that the topic holds, per partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._servers.kafka_bootstrap)
        await consumer.start()
        try:
            found = await consumer.beginning_offsets([TopicPartition(self.log.topic, p) for p in range(PARTITIONS)])
        finally:
            await consumer.stop()
        return {tp.partition: offset for tp, offset in found.items()}

    def unprocessed(self, sent: int) -> set[int]:
        """Sequences of which no copy lies below the committed offset."""
        processed = {one for p, written in self.kafka.items() for one in written[: self.committed.get(p, 0)]}
        return set(range(1, sent + 1)) - processed


@pytest.fixture
async def log(
    nc: Client,
    servers: Endpoints,
    producer: DurableProducer,
    make_stream: Callable[..., Awaitable[str]],
    make_consumer: Callable[..., Awaitable[str]],
    make_topic: Callable[..., Awaitable[str]],
) -> AsyncIterator[CarriedLog]:
    """A fresh log of three partitions."""
    stream = await make_stream()
    consumer = await make_consumer(stream)
    topic = await make_topic(PARTITIONS)
    carried = CarriedLog(nc, servers, ProcessedLog(stream, consumer, topic, PARTITIONS, f"group-{topic}"), producer)
    yield carried
    await carried.pull.stop()


async def test_what_every_partition_has_processed_leaves_both_logs(log: CarriedLog) -> None:
    await log.send([0, 1, 0, 0])
    await log.carry(4)
    await log.process({0: 3, 1: 1})

    assert await log.trim() == (4, 4)

    assert await log.stored() == set()
    assert await log.begins() == {0: 3, 1: 1, 2: 0}


async def test_a_partition_that_stands_still_keeps_its_messages_while_the_others_are_trimmed(log: CarriedLog) -> None:
    await log.send([0, 1, 0, 1, 0])
    await log.carry(5)
    await log.process({0: 3, 1: 1})

    assert await log.trim() == (3, 4)

    assert await log.stored() == {4, 5}
    assert await log.begins() == {0: 3, 1: 1, 2: 0}


async def test_a_partition_that_nobody_ever_processed_holds_everything_from_its_first_message_on(
    log: CarriedLog,
) -> None:
    await log.send([0, 2, 0])
    await log.carry(3)
    await log.process({0: 2})

    await log.trim()

    assert await log.stored() == {2, 3}
    assert await log.begins() == {0: 2, 1: 0, 2: 0}


async def test_what_is_not_acknowledged_to_the_stream_stays_in_it(log: CarriedLog) -> None:
    await log.send([0, 1, 0])
    await log.carry(1)
    await log.carry(2, acknowledge=False)
    await log.process({0: 2, 1: 1})

    await log.trim()

    assert await log.stored() == {2, 3}


async def test_young_messages_stay_readable_in_both_logs(log: CarriedLog) -> None:
    await log.send([0, 1])
    await log.carry(2)
    await log.process({0: 1, 1: 1})
    await asyncio.sleep(1.2)
    await log.send([0, 1])
    await log.carry(2)
    await log.process({0: 2, 1: 2})

    assert await log.trim(keep_s=LONG_S) == (0, 0)
    assert await log.trim(keep_s=1.0) == (2, 2)

    assert await log.stored() == {3, 4}
    assert await log.begins() == {0: 1, 1: 1, 2: 0}


async def test_two_that_trim_at_once_do_no_more_than_one(log: CarriedLog) -> None:
    await log.send([0, 1, 2, 0])
    await log.carry(4)
    await log.process({0: 1, 1: 1, 2: 1})

    await asyncio.gather(log.trim(), log.trim(), log.trim())

    assert await log.stored() == {4}
    assert await log.begins() == {0: 1, 1: 1, 2: 1}


async def test_a_record_that_was_not_carried_from_the_stream_holds_it(log: CarriedLog) -> None:
    await log.send([0, 0, 1])
    await log.carry(2)
    await log.carry(1, stream="ANOTHER")
    await log.process({0: 2})

    await log.trim()

    assert await log.stored() == {1, 2, 3}


async def test_marks_of_transactions_are_nothing_to_process(log: CarriedLog, servers: Endpoints) -> None:
    await log.send([0])
    await log.carry(1)
    await log.process({0: 1})
    fenced = AIOKafkaProducer(bootstrap_servers=servers.kafka_bootstrap, transactional_id=log.log.topic)
    await fenced.start()
    try:
        async with fenced.transaction():
            await fenced.send_and_wait(log.log.topic, b"x", partition=0)
    finally:
        await fenced.stop()
    await log.process({0: 2})

    assert (await log.trim())[0] == 1

    assert await log.stored() == set()


async def test_a_consumer_that_leaves_messages_out_stops_the_trimming(
    nc: Client, servers: Endpoints, log: CarriedLog
) -> None:
    await log.send([0, 0])
    await api(nc, f"CONSUMER.DELETE.{log.log.stream}.{log.log.consumer}")
    config = {"durable_name": log.log.consumer, "deliver_policy": "last", "ack_policy": "all"}
    body = {"stream_name": log.log.stream, "config": config}
    await api(nc, f"CONSUMER.CREATE.{log.log.stream}.{log.log.consumer}", body)

    with pytest.raises(BridgeError, match="leaves messages out"):
        await plan_trim(nc, servers.kafka_bootstrap, log.log, keep_s=0)

    assert await log.stored() == {1, 2}


async def test_a_consumer_that_was_made_anew_goes_on_above_what_was_trimmed(
    nc: Client, log: CarriedLog, make_consumer: Callable[..., Awaitable[str]]
) -> None:
    await log.send([0, 0, 1])
    await log.carry(3)
    await log.process({0: 2})
    await log.trim()
    await api(nc, f"CONSUMER.DELETE.{log.log.stream}.{log.log.consumer}")
    await make_consumer(log.log.stream)

    again = await log.receive(1)

    assert [one.stream_sequence for one in again] == [3]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_the_history_no_unprocessed_message_is_removed(log: CarriedLog, seed: int) -> None:
    chance = random.Random(seed)
    sent = carried = 0
    for _ in range(12):
        step = chance.choice(["send", "carry", "repeat", "process", "process"])
        if step == "send":
            count = chance.randint(1, 4)
            await log.send([chance.randrange(PARTITIONS) for _ in range(count)])
            sent += count
        elif step in ("carry", "repeat") and sent > carried:
            count = chance.randint(1, sent - carried)
            # What is not acknowledged comes again: to the next owner, or after a failure.
            await log.carry(count, acknowledge=step == "carry")
            carried += count if step == "carry" else 0
        elif step == "process":
            partition = chance.randrange(PARTITIONS)
            written = len(log.kafka[partition])
            await log.process({partition: chance.randint(log.committed.get(partition, 0), written)})
        await log.trim()
        assert log.unprocessed(sent) <= await log.stored(), step
        begins = await log.begins()
        assert all(begins[p] <= log.committed.get(p, 0) for p in begins), step

    if sent > carried:
        await log.carry(sent - carried)
    await log.process({p: len(written) for p, written in log.kafka.items()})
    await log.trim()
    assert await log.stored() == set()
    assert await log.begins() == {p: len(written) for p, written in log.kafka.items()}


async def test_the_trimming_of_a_worker_goes_on_after_an_error(
    nc: Client,
    servers: Endpoints,
    log: CarriedLog,
    eventually: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]],
) -> None:
    missing = ProcessedLog(log.log.stream, "missing", log.log.topic, PARTITIONS, log.log.group)
    trimming = Trimming(nc, servers.kafka_bootstrap, missing, keep_s=0, interval_s=0.05)
    trimming.start()
    try:

        async def failed() -> bool:
            return trimming.last_error == "JetStreamError"

        await eventually(failed)
        config: dict[str, Any] = {"durable_name": "missing", "deliver_policy": "all", "ack_policy": "all"}
        body = {"stream_name": log.log.stream, "config": config}
        await api(nc, f"CONSUMER.CREATE.{log.log.stream}.missing", body)

        async def recovered() -> bool:
            return trimming.last_error is None

        await eventually(recovered)
    finally:
        await trimming.stop()
