"""Ingress carries a JetStream consumer to Kafka byte for byte, in order, and acknowledges only what Kafka has acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.errors import KafkaConnectionError
from nats.aio.client import Client

from bridge.errors import BridgeError, UnmappableError
from bridge.header_mapping import IngressHeaders
from bridge.headers import source
from bridge.ingress import Destination, IngressLane, KafkaRecord, Router
from bridge.jetstream import CONSUMER_NOT_FOUND, Delivery, JetStreamError, api
from bridge.routes import IngressRoute
from bridge.routing import by_subject_tokens
from bridge.streams import ensure_consumer
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord

if TYPE_CHECKING:
    from tests.bridge.conftest import Eventually, MakeConsumer, MakeStream, MakeTopic, ReadTopic


class Writer:
    """Writes to Kafka; before that it fails as often as it was told to, like an unreachable broker."""

    def __init__(self, producer: DurableProducer) -> None:
        self._producer = producer
        self.failures = 0
        self.failed = 0
        self.write_before_failing = False

    async def __call__(self, topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        if self.failures and not self.write_before_failing:
            self._fail()
        await self._producer.write(
            OutgoingBatch(topic, partition, [OutgoingRecord(*record) for record in records])
            for partition, records in by_partition.items()
        )
        if self.failures:
            self._fail()

    def _fail(self) -> None:
        self.failures -= 1
        self.failed += 1
        raise KafkaConnectionError("told to fail")


class Carried:
    """The stream, the topic and the lane between them of one test."""

    def __init__(self, nc: Client, stream: str, topic: str, writer: Writer) -> None:
        self.nc = nc
        self.stream = stream
        self.topic = topic
        self.writer = writer
        self.ensured = 0
        self.refusing = 0
        self.refused: list[tuple[int, str]] = []
        self.route = IngressRoute.model_validate(
            {
                "name": "carried",
                "direction": "ingress",
                "source": {"stream": stream},
                "target": {"topic": topic},
                "partition": {"from": "token", "token": 2},
                "loop_guard": "off",
            }
        )
        self._lanes: list[IngressLane] = []

    def start(self, route: Router | None = None, batch: int = 10) -> IngressLane:
        lane = IngressLane(
            self.nc,
            stream=self.stream,
            consumer="reader",
            topic=self.topic,
            route=route or by_subject_tokens(partition=2, key=3),
            headers=IngressHeaders(self.route, "test"),
            reject=self._reject,
            write=self.writer,
            batch=batch,
            ensure=self._ensure,
        )
        self._lanes.append(lane)
        lane.start()
        return lane

    async def _reject(self, delivery: Delivery, error: UnmappableError) -> None:
        if self.refusing:
            self.refusing -= 1
            raise BridgeError("told to refuse")
        self.refused.append((delivery.stream_sequence, error.reason))

    async def _ensure(self) -> None:
        self.ensured += 1
        await ensure_consumer(self.nc, self.stream, {"durable_name": "reader", "ack_policy": "all", "max_deliver": -1})

    async def publish(self, first: int, last: int, partition: int = 0) -> None:
        for number in range(first, last + 1):
            await self.nc.request(f"{self.stream}.x.{partition}.ada", str(number).encode())

    async def floor(self) -> int:
        """Up to where the consumer is acknowledged; 0 without a consumer."""
        try:
            found: int = (await api(self.nc, f"CONSUMER.INFO.{self.stream}.reader"))["ack_floor"]["stream_seq"]
        except JetStreamError as error:
            if error.code != CONSUMER_NOT_FOUND:
                raise
            return 0
        return found

    def reached(self, sequence: int) -> Callable[[], Any]:
        async def acknowledged() -> bool:
            return await self.floor() >= sequence

        return acknowledged

    async def stop(self) -> None:
        for lane in self._lanes:
            await lane.stop()


@pytest.fixture
async def carried(
    nc: Client,
    make_stream: MakeStream,
    make_consumer: MakeConsumer,
    make_topic: MakeTopic,
    producer: DurableProducer,
) -> AsyncIterator[Carried]:
    stream, topic = await make_stream(), await make_topic(2)
    await make_consumer(stream)
    one = Carried(nc, stream, topic, Writer(producer))
    try:
        yield one
    finally:
        await one.stop()


async def test_payload_key_partition_and_time_arrive_as_they_were(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    payloads = [b"", b"\x00\xff\xfe", b'{"a": 1}', b"x" * 100_000]
    for number, payload in enumerate(payloads):
        await carried.nc.request(f"{carried.stream}.x.1.key-{number}", payload)

    carried.start()
    await eventually(carried.reached(4))

    records = await read_topic(carried.topic, 1)
    assert [record.value for record in records] == payloads
    assert [record.key for record in records] == [b"key-0", b"key-1", b"key-2", b"key-3"]
    assert await read_topic(carried.topic, 0) == []
    stored_ns = int(dict(records[0].headers)["nats-timestamp"])
    assert records[0].timestamp == stored_ns // 1_000_000


async def test_headers_tell_the_source_and_reserved_ones_never_pass(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    headers = {
        "Content-Type": "application/cloudevents+json",
        "Person-Reply-To": "_INBOX.a.b",
        "Nats-Msg-Id": "1",
        "nats-expected-stream": carried.stream,
        "NATS-Anything": "x",
    }
    await carried.nc.request(f"{carried.stream}.x.0.ada", b"", headers=headers)

    carried.start()
    await eventually(carried.reached(1))

    [record] = await read_topic(carried.topic, 0)
    found = dict(record.headers)
    assert found.pop("nats-timestamp").isdigit()
    assert found == {
        "nats-stream": carried.stream.encode(),
        "nats-subject": f"{carried.stream}.x.0.ada".encode(),
        "nats-sequence": b"1",
        "content-type": b"application/cloudevents+json",
        "person-reply-to": b"_INBOX.a.b",
    }
    assert source(dict(record.headers))[1] == 1


async def test_many_messages_keep_their_order_per_partition(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    for number in range(1, 201):
        await carried.publish(number, number, partition=number % 2)

    carried.start(batch=20)
    await eventually(carried.reached(200))

    assert [int(record.value) for record in await read_topic(carried.topic, 1)] == list(range(1, 201, 2))
    assert [int(record.value) for record in await read_topic(carried.topic, 0)] == list(range(2, 201, 2))


@pytest.mark.parametrize("write_before_failing", [False, True])
async def test_nothing_is_acknowledged_before_kafka_has_it_and_nothing_is_skipped(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually, write_before_failing: bool
) -> None:
    await carried.publish(1, 5)
    lane = carried.start()
    await eventually(carried.reached(5))
    carried.writer.write_before_failing = write_before_failing
    carried.writer.failures = 2

    await carried.publish(6, 15)

    async def failed_once() -> bool:
        return carried.writer.failed >= 1

    await eventually(failed_once)
    if not write_before_failing and carried.writer.failures:
        assert await carried.floor() == 5
        assert lane.last_error == "KafkaConnectionError"
    await eventually(carried.reached(15))

    values = [int(record.value) for record in await read_topic(carried.topic, 0)]
    assert carried.writer.failed == 2
    assert list(dict.fromkeys(values)) == list(range(1, 16))
    assert all(after <= max(values[:at]) + 1 for at, after in enumerate(values) if at)
    if not write_before_failing:
        assert values == list(range(1, 16))
    assert lane.last_error is None


async def test_the_floor_stays_while_kafka_fails_for_good(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    carried.writer.failures = 10**6
    await carried.publish(1, 5)
    lane = carried.start()

    async def failed_twice() -> bool:
        return carried.writer.failed >= 2

    await eventually(failed_twice)
    await lane.stop()

    assert await carried.floor() == 0
    assert await read_topic(carried.topic, 0) == []
    carried.writer.failures = 0
    carried.start()
    await eventually(carried.reached(5))
    assert [int(record.value) for record in await read_topic(carried.topic, 0)] == [1, 2, 3, 4, 5]


async def test_a_stop_acknowledges_what_kafka_has(carried: Carried, eventually: Eventually) -> None:
    await carried.publish(1, 5)
    lane = carried.start()

    async def carried_all() -> bool:
        return lane.carried == 5

    await eventually(carried_all)
    await lane.stop()

    assert await carried.floor() == 5


async def test_a_consumer_that_somebody_deleted_is_made_again_and_nothing_is_left_out(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    await carried.publish(1, 5)
    lane = carried.start()
    await eventually(carried.reached(5))

    await api(carried.nc, f"CONSUMER.DELETE.{carried.stream}.reader")
    await carried.publish(6, 12)

    async def carried_last() -> bool:
        records = await read_topic(carried.topic, 0)
        return bool(records) and records[-1].value == b"12"

    await eventually(carried_last)
    await eventually(carried.reached(12))
    values = [int(record.value) for record in await read_topic(carried.topic, 0)]
    # The new consumer delivers from the start; what comes twice has one effect in the lanes.
    assert values == [*range(1, 6), *range(1, 13)]
    assert carried.ensured
    assert lane.last_error is None


async def test_a_consumer_that_was_deleted_while_nobody_read_is_made_at_the_start(
    carried: Carried, eventually: Eventually
) -> None:
    await carried.publish(1, 5)
    await api(carried.nc, f"CONSUMER.DELETE.{carried.stream}.reader")

    carried.start()
    await eventually(carried.reached(5))

    assert carried.ensured


@pytest.mark.parametrize("turns", [0, 4, 8])
async def test_a_stop_right_after_the_start_leaves_no_reader_behind(carried: Carried, turns: int) -> None:
    lane = carried.start()
    for _ in range(turns):
        await asyncio.sleep(0)

    await lane.stop()

    # A pull request that is left would take messages from the next owner of the consumer.
    await carried.nc.flush()
    assert (await api(carried.nc, f"CONSUMER.INFO.{carried.stream}.reader"))["num_waiting"] == 0


async def test_a_disposed_message_is_acknowledged_and_not_carried(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    async def only_even(delivery: Delivery) -> Destination | None:
        return Destination(0, b"ada") if int(delivery.data) % 2 == 0 else None

    await carried.publish(1, 11)

    carried.start(route=only_even)
    await eventually(carried.reached(11))

    assert [int(record.value) for record in await read_topic(carried.topic, 0)] == [2, 4, 6, 8, 10]


@pytest.mark.parametrize("error", [TimeoutError, ValueError])
async def test_a_router_that_fails_is_asked_again_from_the_same_message(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually, error: type[Exception]
) -> None:
    asked: list[int] = []

    async def failing_once(delivery: Delivery) -> Destination:
        asked.append(int(delivery.data))
        if asked.count(3) == 1 and asked[-1] == 3:
            raise error
        return Destination(0, b"ada")

    await carried.publish(1, 6)

    carried.start(route=failing_once)
    await eventually(carried.reached(6))

    assert [int(record.value) for record in await read_topic(carried.topic, 0)] == [1, 2, 3, 4, 5, 6]


async def test_the_lane_of_a_new_owner_goes_on_where_the_old_one_stopped(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    await carried.publish(1, 10)
    lane = carried.start()
    await eventually(carried.reached(10))
    await lane.stop()
    await carried.publish(11, 20)

    carried.start()
    await eventually(carried.reached(20))

    assert [int(record.value) for record in await read_topic(carried.topic, 0)] == list(range(1, 21))


async def test_what_cannot_be_carried_is_put_aside_and_the_rest_goes_on(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    await carried.publish(1, 2)
    await carried.nc.request(f"{carried.stream}.x.0.ada", b"3", headers={"ce-specversion": "1.0", "ce-id": "%FF"})
    await carried.publish(4, 5)

    lane = carried.start()
    await eventually(carried.reached(5))

    assert [int(record.value) for record in await read_topic(carried.topic, 0)] == [1, 2, 4, 5]
    assert carried.refused == [(3, "header ce-id: no percent-encoded UTF-8")]
    assert lane.rejected == 1


async def test_nothing_is_acknowledged_while_the_dead_letters_refuse(
    carried: Carried, read_topic: ReadTopic, eventually: Eventually
) -> None:
    carried.refusing = 2
    await carried.nc.request(f"{carried.stream}.x.0.ada", b"1", headers={"ce-specversion": "1.0", "ce-id": "%FF"})
    await carried.publish(2, 3)

    carried.start()
    await eventually(carried.reached(3))

    assert carried.refusing == 0
    assert carried.refused == [(1, "header ce-id: no percent-encoded UTF-8")]
    assert [int(record.value) for record in await read_topic(carried.topic, 0)] == [2, 3]
