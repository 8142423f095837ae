"""Egress carries a topic to a stream exactly once and in order, whoever dies or wakes up on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from nats.aio.client import Client

from bridge import read
from bridge.dead_letters import DeadLetters
from bridge.egress_route import Installation, RunningEgress
from bridge.jetstream import api
from bridge.routes import EgressRoute
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
            nc or self.nc, self.route(**changes), installation, DeadLetters(self.nc, f"{self.stream}.dlq")
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

    async def stop(self) -> None:
        for running in self._running:
            await running.stop()


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
