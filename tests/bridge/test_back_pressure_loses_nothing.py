"""A side that is slow, stopped or full makes the bridge wait with bounded memory; both directions go on by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from nats.aio.client import Client

from bridge import read
from bridge.backlog import Backlog, RouteBacklogs
from bridge.batch import BatchWriter, Outgoing
from bridge.connection import connect
from bridge.dead_letters import DeadLetters
from bridge.egress import EgressLane
from bridge.egress_route import Installation
from bridge.ingress import KafkaRecord
from bridge.jetstream import api
from bridge.kafka_source import MAX_POLL_RECORDS
from bridge.route_file import Limits, parse_routes
from bridge.running import RunningRoutes
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints, Stack
from tests.short_lived import short_lived


def routes(name: str) -> str:
    """Both directions over streams, topics and subjects of a test."""
    return f"""
[[route]]
name = "in"
direction = "ingress"
source = {{ stream = "{name}_IN", filter = "{name}.in.>" }}
target = {{ topic = "{name}.in" }}
partition = {{ from = "fixed", number = 0 }}
bounds = {{ batch = 200 }}

[[route]]
name = "out"
direction = "egress"
source = {{ topic = "{name}.out" }}
target = {{ stream = "{name}_OUT", subject = "{name}.out.records.{{key}}", checkpoint = "{name}.out.position" }}
bounds = {{ batch = 200, messages = 1000 }}
"""


ALLOW = {"allow_atomic": True, "allow_rollup_hdrs": True, "allow_msg_ttl": True}
HELD = 1000 + MAX_POLL_RECORDS
"""What egress may hold: its bound and one fetch."""


pytestmark = pytest.mark.slow


class Pair:
    """Both directions between servers of their own."""

    def __init__(self, at: Endpoints) -> None:
        self.at = at
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.nc = Client()
        self.observer = Client()
        self.producer = DurableProducer(at.kafka_bootstrap, client_id="bridge", max_batch_bytes=1 << 20)
        self.source = DurableProducer(at.kafka_bootstrap, client_id="source", max_batch_bytes=1 << 20)
        self.routes = RunningRoutes(
            self.nc,
            parse_routes(routes(self.name), "routes.toml", Limits(1))[0],
            Installation("test", at.kafka_bootstrap, 1),
            DeadLetters(self.nc, "dlq"),
            write=self._write,
            routers={},
        )

    async def start(self, **out: Any) -> None:
        await connect(self.nc, self.at.nats_url, name="bridge")
        await connect(self.observer, self.at.nats_url, name="observer")
        common = {"storage": "file", "retention": "limits", "discard": "new", "num_replicas": 1, **ALLOW}
        await ensure_stream(self.nc, {**common, "name": f"{self.name}_IN", "subjects": [f"{self.name}.in.>"]})
        await ensure_stream(self.nc, {**common, "name": f"{self.name}_OUT", "subjects": [f"{self.name}.out.>"], **out})
        await ensure_topics(
            self.at.kafka_bootstrap, [Topic(f"{self.name}.in", 1, 1, {}), Topic(f"{self.name}.out", 1, 1, {})]
        )
        await self.routes.check()
        await self.routes.start()
        self.routes.own(frozenset({0}))

    async def stop(self) -> None:
        await self.routes.stop()
        await self.producer.stop()
        await self.source.stop()
        await self.nc.close()
        await self.observer.close()

    async def produce(self, first: int, last: int) -> None:
        records = [OutgoingRecord(b"k", str(number).encode(), 1) for number in range(first, last)]
        await self.source.write([OutgoingBatch(f"{self.name}.out", 0, records)])

    async def publish(self, first: int, last: int) -> None:
        writer, subject = BatchWriter(self.observer), f"{self.name}.in.x".encode()
        await writer.start()
        for begin in range(first, last, 500):
            batch = [Outgoing(subject, b"", str(number).encode()) for number in range(begin, min(last, begin + 500))]
            await writer.stored(await writer.send(batch), timeout_s=10)
        await writer.stop()

    @property
    def lane(self) -> EgressLane:
        return self.routes.egress[0].source.lanes()[0]

    async def backlogs(self) -> Mapping[str, Backlog]:
        counting = RouteBacklogs(self.observer, self.routes)
        await counting.count()
        return counting.counted()

    async def stored(self) -> list[int]:
        return [
            int(one.data)
            async for one in read.messages(self.observer, f"{self.name}_OUT", f"{self.name}.out.records.>")
        ]

    async def count(self) -> int:
        state = (
            await api(self.observer, f"STREAM.INFO.{self.name}_OUT", {"subjects_filter": f"{self.name}.out.records.>"})
        )["state"]
        return sum((state.get("subjects") or {}).values())

    async def carried(self) -> list[int]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.at.kafka_bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            tp = TopicPartition(f"{self.name}.in", 0)
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            values: list[int] = []
            while await consumer.position(tp) < end:
                values += [int(one.value) for one in (await consumer.getmany(tp, timeout_ms=1000)).get(tp, [])]
            return values
        finally:
            await consumer.stop()

    async def _write(self, topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        await self.producer.write(
            OutgoingBatch(topic, partition, [OutgoingRecord(*record) for record in records])
            for partition, records in by_partition.items()
        )


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with short_lived(Stack(tmp_path_factory.mktemp("pressure") / "stack")) as running:
        yield running


@pytest.fixture
async def pair(own_stack: Stack) -> AsyncIterator[Pair]:
    one = Pair(own_stack.endpoints)
    try:
        yield one
    finally:
        await one.stop()


async def test_a_full_stream_pauses_the_partition_until_it_is_enlarged(pair: Pair) -> None:
    await pair.start(max_msgs=500)
    await pair.produce(0, 20_000)

    await _until(lambda: _true(pair.lane.paused and pair.lane.last_error is not None))
    full = await pair.count()
    assert "maximum messages exceeded" in str(pair.lane.last_error)
    assert full <= 500
    left = (await pair.backlogs())["out"]
    assert left.pending + left.unacknowledged == 20_000 - (pair.lane.offset or 0)
    assert left.oldest is not None
    assert sum(route["failures"] for route in pair.routes.report()) >= 1
    config = (await api(pair.observer, f"STREAM.INFO.{pair.name}_OUT"))["config"]
    await api(pair.observer, f"STREAM.UPDATE.{pair.name}_OUT", {**config, "max_msgs": -1})

    await _until(lambda: _at_least(pair.count, 20_000))
    assert await pair.stored() == list(range(20_000))
    await _until(lambda: _is(pair.backlogs, {"in": Backlog(), "out": Backlog()}))
    assert pair.lane.most_held <= HELD
    assert pair.lane.last_error is None


async def test_a_stopped_nats_pauses_kafka_and_goes_on_when_it_wakes(pair: Pair, own_stack: Stack) -> None:
    await pair.start()
    await pair.produce(0, 1000)
    await _until(lambda: _at_least(pair.count, 1000))

    os.kill(own_stack.endpoints.nats_pid, signal.SIGSTOP)
    try:
        for begin in range(1000, 21_000, 5000):
            await pair.produce(begin, begin + 5000)
        await _until(lambda: _true(pair.lane.paused))
        held = pair.lane.held
        await asyncio.sleep(3)  # long enough for many fetches, had the partition not been paused
        assert pair.lane.held == held
    finally:
        os.kill(own_stack.endpoints.nats_pid, signal.SIGCONT)

    await _until(lambda: _at_least(pair.count, 21_000))
    assert await pair.stored() == list(range(21_000))
    assert pair.lane.most_held <= HELD


async def test_a_stopped_kafka_stops_the_pulls_and_ingress_goes_on_when_it_wakes(pair: Pair, own_stack: Stack) -> None:
    await pair.start()
    await pair.publish(0, 500)
    await _until(lambda: _at_least(lambda: _ingress_count(pair), 500))
    lane = pair.routes.ingress[0].lanes[None]

    os.kill(own_stack.endpoints.kafka_pid, signal.SIGSTOP)
    try:
        await pair.publish(500, 10_500)
        await asyncio.sleep(3)  # long enough to pull everything, did the pulls not stop
        assert lane.most_held <= 2 * 200
        info = await api(pair.observer, f"CONSUMER.INFO.{pair.name}_IN.in")
        assert info["num_pending"] >= 10_000 - 2 * 200
        left = (await pair.backlogs())["in"]
        assert left.pending == info["num_pending"]
        assert left.pending + left.unacknowledged == 10_000
        assert left.oldest is not None
        assert 0 < time.time() - left.oldest < 60
    finally:
        os.kill(own_stack.endpoints.kafka_pid, signal.SIGCONT)

    await _until(lambda: _at_least(lambda: _acknowledged(pair), 10_500))
    values = await pair.carried()
    assert list(dict.fromkeys(values)) == list(range(10_500))
    assert all(value <= max(values[:at], default=-1) + 1 for at, value in enumerate(values[:2000]))


async def _acknowledged(pair: Pair) -> int:
    return int((await api(pair.observer, f"CONSUMER.INFO.{pair.name}_IN.in"))["ack_floor"]["stream_seq"])


async def _ingress_count(pair: Pair) -> int:
    return pair.routes.ingress[0].lanes[None].carried


async def _is(found: Callable[[], Awaitable[object]], wanted: object) -> bool:
    return await found() == wanted


async def _true(condition: bool) -> bool:
    return condition


async def _at_least(count: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await count() >= wanted


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if await condition():
                    return
            except (TimeoutError, IndexError):
                pass
            await asyncio.sleep(0.05)
