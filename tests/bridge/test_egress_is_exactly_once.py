"""Egress carries a topic to a stream exactly once and in order, whoever dies or wakes up on the way."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from nats.aio.client import Client

from bridge import read
from bridge.batch import BatchWriter, Outgoing, SentBatch
from bridge.checkpoint import Checkpoint
from bridge.dead_letters import DeadLetters
from bridge.egress import EgressLane
from bridge.egress_mapping import EgressMapping
from bridge.egress_route import Installation, RunningEgress
from bridge.errors import AppendRefusedError, StreamMismatchError, UnmappableError
from bridge.jetstream import api
from bridge.raw_delivery import parse_headers
from bridge.routes import EgressRoute
from bridge.streams import ensure_stream
from bridge.target_stream import limits_of_target
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints

if TYPE_CHECKING:
    from tests.bridge.conftest import Eventually, MakeStream, MakeTopic

TARGET = {"allow_atomic": True, "allow_rollup_hdrs": True, "allow_msg_ttl": True}


class Egress:
    """A topic, a stream and what carries between them."""

    def __init__(self, nc: Client, servers: Endpoints, stream: str, topic: str, producer: DurableProducer) -> None:
        self.nc = nc
        self.stream = stream
        self.topic = topic
        self._servers = servers
        self._producer = producer
        self._running: list[RunningEgress] = []
        self.also_stop: list[EgressLane] = []

    def route(self, **changes: Any) -> EgressRoute:
        entry = {
            "name": self.stream,
            "direction": "egress",
            "source": {"topic": self.topic},
            "target": {
                "stream": self.stream,
                "subject": f"{self.stream}.records.{{key}}",
                "checkpoint": f"{self.stream}.position",
            },
        }
        return EgressRoute.model_validate({**entry, **changes})

    async def start(self, nc: Client | None = None, **changes: Any) -> RunningEgress:
        installation = Installation("test", self._servers.kafka_bootstrap, 8)
        running = RunningEgress(
            nc or self.nc, self.route(**changes), installation, DeadLetters(self.nc, f"letters.{self.stream}")
        )
        self._running.append(running)
        await running.check()
        await running.start()
        return running

    async def write(self, first: int, last: int, partition: int = 0, key: str = "k") -> None:
        records = [OutgoingRecord(key.encode(), str(number).encode(), 1) for number in range(first, last + 1)]
        await self._producer.write([OutgoingBatch(self.topic, partition, records)])

    async def write_records(self, records: Sequence[OutgoingRecord], partition: int = 0) -> None:
        await self._producer.write([OutgoingBatch(self.topic, partition, list(records))])

    async def stored(self, tokens: str = "records.>") -> list[read.StoredMessage]:
        return [one async for one in read.messages(self.nc, self.stream, f"{self.stream}.{tokens}")]

    async def count(self) -> int:
        subjects = (await api(self.nc, f"STREAM.INFO.{self.stream}", {"subjects_filter": f"{self.stream}.records.>"}))[
            "state"
        ]
        return sum((subjects.get("subjects") or {}).values())

    def holds(self, number: int) -> Callable[[], Awaitable[bool]]:
        async def enough() -> bool:
            return await self.count() >= number

        return enough

    async def read(self, offset: int) -> list[Any]:
        """The records of partition 0 from an offset on."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._servers.kafka_bootstrap)
        await consumer.start()
        try:
            tp = TopicPartition(self.topic, 0)
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            consumer.seek(tp, offset)
            records: list[Any] = []
            while await consumer.position(tp) < end:
                records.extend((await consumer.getmany(tp, timeout_ms=1000)).get(tp, []))
            return records
        finally:
            await consumer.stop()

    async def stop(self) -> None:
        for running in self._running:
            await running.stop()
        for lane in self.also_stop:
            await lane.stop()
        self._running.clear()


@pytest.fixture
async def egress(
    nc: Client, servers: Endpoints, make_stream: MakeStream, make_topic: MakeTopic, producer: DurableProducer
) -> AsyncIterator[Egress]:
    one = Egress(nc, servers, await make_stream(**TARGET), await make_topic(2), producer)
    try:
        yield one
    finally:
        await one.stop()


async def test_records_arrive_in_order_under_the_subject_of_their_key(egress: Egress, eventually: Eventually) -> None:
    await egress.write(1, 500, partition=0, key="ada.lovelace")
    await egress.write(501, 1000, partition=1, key="grace")

    await egress.start()
    await eventually(egress.holds(1000))

    stored = await egress.stored("records.ada%2Elovelace")
    assert [int(one.data) for one in stored] == list(range(1, 501))
    assert [int(one.data) for one in await egress.stored("records.grace")] == list(range(501, 1001))


async def test_a_restart_goes_on_behind_the_stored_position(egress: Egress, eventually: Eventually) -> None:
    await egress.write(1, 100)
    first = await egress.start()
    await eventually(egress.holds(100))
    await first.stop()
    await egress.write(101, 200)

    await egress.start()
    await eventually(egress.holds(200))

    assert [int(one.data) for one in await egress.stored()] == list(range(1, 201))


async def test_a_second_owner_makes_the_first_one_stop_and_nothing_is_stored_twice(
    egress: Egress, eventually: Eventually
) -> None:
    """Two lanes on one partition: the one that claimed first is a stale owner that does not know it."""
    await egress.write(1, 50)
    stale, partition = await _lane(egress, "stale")
    await eventually(egress.holds(50))

    fresh, other = await _lane(egress, "fresh")
    await egress.write(51, 60)
    partition.records.extend(await egress.read(50))
    other.records.extend(await egress.read(50))
    stale.deliver(partition.taken())

    async def fenced() -> bool:
        return stale.fenced

    await eventually(fenced)
    fresh.deliver(other.taken())
    await eventually(egress.holds(60))
    assert [int(one.data) for one in await egress.stored()] == list(range(1, 61))
    assert "was claimed by another owner" in str(stale.last_error)
    assert not fresh.fenced


async def test_a_batch_whose_answer_is_lost_is_not_stored_again(
    egress: Egress, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = BatchWriter.stored
    lost = 0

    async def losing(self: BatchWriter, sent: SentBatch, *, timeout_s: float) -> int:
        nonlocal lost
        sequence = await answered(self, sent, timeout_s=timeout_s)
        if lost < 3:
            lost += 1
            raise TimeoutError
        return sequence

    monkeypatch.setattr(BatchWriter, "stored", losing)
    await egress.write(1, 2000)

    await egress.start()
    await eventually(egress.holds(2000))

    assert lost == 3
    assert [int(one.data) for one in await egress.stored()] == list(range(1, 2001))


async def test_a_batch_that_comes_late_from_an_earlier_owner_is_refused_as_a_whole(egress: Egress, nc: Client) -> None:
    writer = BatchWriter(nc)
    await writer.start()
    checkpoint = Checkpoint(nc, egress.stream, f"{egress.stream}.position", egress.topic, 0)
    first = await writer.stored(await writer.send([checkpoint.message(0, 1, "a", expected=0)]), timeout_s=5)
    await writer.stored(await writer.send([checkpoint.message(0, 2, "b", expected=first)]), timeout_s=5)
    late = [
        Outgoing(f"{egress.stream}.records.x".encode(), b"", b"late"),
        checkpoint.message(1, 1, "a", expected=first),
    ]

    with pytest.raises(AppendRefusedError):
        await writer.stored(await writer.send(late), timeout_s=5)

    assert await egress.stored() == []
    assert (await checkpoint.read()) is not None
    await writer.stop()


async def test_what_can_never_be_stored_is_a_dead_letter_and_the_position_passes_it(
    nc: Client,
    servers: Endpoints,
    make_stream: MakeStream,
    make_topic: MakeTopic,
    producer: DurableProducer,
    eventually: Eventually,
) -> None:
    stream = await make_stream(**TARGET, max_msg_size=2000)
    one = Egress(nc, servers, stream, await make_topic(1, {"max.message.bytes": str(8 << 20)}), producer)
    target = {
        "stream": stream,
        "subject": f"{stream}.records.{{key}}",
        "checkpoint": f"{stream}.position",
        "encode": False,
    }
    await one.write_records(
        [
            OutgoingRecord(b"a", b"1", 1),
            OutgoingRecord(b"a", b"x" * 3000, 1),
            OutgoingRecord(b"a..b", b"2", 1),
            OutgoingRecord(b"\xff", b"3", 1),
            OutgoingRecord(b"a", b"4", 1),
        ]
    )
    letters: list[dict[str, str]] = []

    async def note(message: Any) -> None:
        letters.append(dict(message.headers))

    await nc.subscribe(f"letters.{stream}.>", cb=note)
    await ensure_stream(nc, {"name": f"{stream}_LETTERS", "subjects": [f"letters.{stream}.>"], "storage": "file"})
    try:
        await one.start(target=target)
        await eventually(one.holds(2))
    finally:
        await one.stop()
        await api(nc, f"STREAM.DELETE.{stream}_LETTERS")

    assert [message.data for message in await one.stored()] == [b"1", b"4"]
    assert [(letter["Dead-Letter-Cause"], letter["Dead-Letter-Sequence"]) for letter in letters] == [
        ("too_large", "1"),
        ("unroutable", "2"),
        ("unroutable", "3"),
    ]


async def test_a_tombstone_and_the_place_in_kafka_travel_as_headers(
    egress: Egress, eventually: Eventually, nc: Client
) -> None:
    await egress.write_records([OutgoingRecord(None, None, 1234, (("Nats-Rollup", b"all"), ("x", b"1"), ("x", b"2")))])

    await egress.start()
    await eventually(egress.holds(1))

    [stored] = await egress.stored()
    assert stored.subject == f"{egress.stream}.records.%-"
    raw = (await api(nc, f"STREAM.MSG.GET.{egress.stream}", {"seq": stored.stream_sequence}))["message"]["hdrs"]
    found = parse_headers(base64.b64decode(raw))
    batch = {name for name in found if name.startswith("Nats-Batch-")}
    assert {name: value for name, value in found.items() if name not in batch} == {
        "Kafka-Topic": egress.topic,
        "Kafka-Partition": "0",
        "Kafka-Offset": "0",
        "Kafka-Timestamp": "1234",
        "Kafka-Tombstone": "true",
        "bridge-origin": "test",
        "bridge-hops": "1",
        "x": "2",
    }


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"allow_atomic": False}, "allow_atomic must be on"),
        ({"allow_rollup_hdrs": False}, "allow_rollup_hdrs must be on"),
        ({"allow_msg_ttl": False}, "allow_msg_ttl must be on"),
        ({"retention": "workqueue"}, "retention must be limits, not workqueue"),
        ({"max_msgs": 10, "discard": "old"}, "discard must be new while max_msgs is set"),
    ],
)
async def test_a_stream_that_would_break_the_guarantee_is_refused_at_start(
    nc: Client,
    servers: Endpoints,
    make_stream: MakeStream,
    make_topic: MakeTopic,
    producer: DurableProducer,
    settings: dict[str, Any],
    named: str,
) -> None:
    one = Egress(nc, servers, await make_stream(**{**TARGET, **settings}), await make_topic(1), producer)

    with pytest.raises(StreamMismatchError, match=named):
        await one.start()


async def test_the_position_outlives_the_age_limit_of_the_stream(
    nc: Client,
    servers: Endpoints,
    make_stream: MakeStream,
    make_topic: MakeTopic,
    producer: DurableProducer,
    eventually: Eventually,
) -> None:
    stream = await make_stream(**TARGET, max_age=10**9, duplicate_window=10**9)
    one = Egress(nc, servers, stream, await make_topic(1), producer)
    await one.write(1, 10)
    await one.start()
    await eventually(one.holds(10))
    await one.stop()

    async def expired() -> bool:
        return await one.count() == 0

    await eventually(expired)
    await one.write(11, 12)
    await one.start()
    await eventually(one.holds(2))
    await one.stop()

    assert [int(message.data) for message in await one.stored()] == [11, 12]


class HandFed:
    """The Kafka side of a lane that a test feeds."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    async def go_to(self, offset: int) -> int:
        return offset

    def resume(self) -> None:
        return

    def taken(self) -> list[Any]:
        return self.records


async def _lane(egress: Egress, name: str) -> tuple[EgressLane, HandFed]:
    """A lane of its own incarnation on partition 0, fed with what is in the topic now."""
    writer = BatchWriter(egress.nc)
    await writer.start()
    route, fed = egress.route(), HandFed()

    async def mapping() -> EgressMapping:
        return EgressMapping(route, 0, "test", await limits_of_target(egress.nc, route))

    async def reject(_record: Any, error: UnmappableError) -> None:
        raise error

    lane = EgressLane(
        name=name,
        partition=0,
        checkpoint=Checkpoint(egress.nc, egress.stream, route.checkpoint, egress.topic, 0),
        writer=writer,
        mapping=mapping,
        reader=fed,
        reject=reject,
        bounds=route.bounds,
        fenced_wait_s=60,
    )
    egress.also_stop.append(lane)
    lane.start()
    async with asyncio.timeout(60):
        while lane.offset is None:  # noqa: ASYNC110  # the lane tells nobody that it has claimed
            await asyncio.sleep(0.01)
    if lane.offset == 0:
        lane.deliver(await egress.read(0))
    return lane, fed


async def test_what_kafka_deleted_before_it_was_carried_is_named_and_counted(
    egress: Egress, eventually: Eventually, servers: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    await egress.write(1, 10)
    await (await egress.start()).stop()
    await egress.start()
    await eventually(egress.holds(10))
    await egress.stop()
    await egress.write(11, 20)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(egress.topic, 0): RecordsToDelete(15)})
    await admin.close()

    again = await egress.start()
    await eventually(egress.holds(15))

    assert [int(one.data) for one in await egress.stored()] == [*range(1, 11), *range(16, 21)]
    assert sum(lane.deleted for lane in again.source.lanes()) == 5
    assert "Kafka deleted offsets 10 to 14 before they were carried" in caplog.text


async def test_a_position_behind_the_end_of_the_topic_waits_for_an_operator(
    egress: Egress, eventually: Eventually, nc: Client
) -> None:
    writer = BatchWriter(nc)
    await writer.start()
    checkpoint = Checkpoint(nc, egress.stream, f"{egress.stream}.position", egress.topic, 0)
    await writer.stored(await writer.send([checkpoint.message(100, 1, "a", expected=0)]), timeout_s=5)
    await egress.write(1, 10)

    running = await egress.start()

    async def told() -> bool:
        return any("before the stored position 100" in str(lane.last_error) for lane in running.source.lanes())

    await eventually(told)
    assert await egress.stored() == []
    await writer.stop()


async def test_a_checkpoint_of_another_topic_is_refused(egress: Egress, eventually: Eventually, nc: Client) -> None:
    writer = BatchWriter(nc)
    await writer.start()
    checkpoint = Checkpoint(nc, egress.stream, f"{egress.stream}.position", "another", 0)
    await writer.stored(await writer.send([checkpoint.message(1, 1, "a", expected=0)]), timeout_s=5)

    running = await egress.start()

    async def told() -> bool:
        return any("holds the position of another[0]" in str(lane.last_error) for lane in running.source.lanes())

    await eventually(told)
    await writer.stop()
