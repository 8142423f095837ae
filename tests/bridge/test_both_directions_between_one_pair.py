"""Routes in both directions between one stream and one topic: every message is on both sides once, whatever its key and headers are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from nats.aio.client import Client

from bridge import read
from bridge.dead_letters import DeadLetters
from bridge.egress_route import Installation
from bridge.ingress import KafkaRecord
from bridge.jetstream import api
from bridge.route_file import Limits, parse_routes
from bridge.running import RunningRoutes
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints

if TYPE_CHECKING:
    from tests.bridge.conftest import Eventually, MakeStream, MakeTopic, ReadTopic

KEYS = [b"ada", b"a.b", b"*", b">", b"a b", b"", None, "é☃".encode(), b"\r\n", b"\xff\x00", b"x" * 3000]
HEADERS = [
    ("plain", b"1"),
    ("empty", b""),
    ("umlaut", "ü".encode()),
    ("lines", b"a\r\nNats-Rollup: all"),
    ("bytes", b"\xff"),
    ("a name: with a colon", b"1"),
    ("Nats-Rollup", b"all"),
]


async def test_every_message_is_on_both_sides_once_and_none_comes_back(
    nc: Client,
    servers: Endpoints,
    make_stream: MakeStream,
    make_topic: MakeTopic,
    producer: DurableProducer,
    read_topic: ReadTopic,
    eventually: Eventually,
) -> None:
    name = await make_stream(allow_atomic=True, allow_rollup_hdrs=True, allow_msg_ttl=True)
    topic = await make_topic(1)
    routes = _running(nc, servers, name, producer)
    await routes.check()
    await routes.start()
    routes.own(frozenset({0}))
    try:
        await producer.write(
            [OutgoingBatch(topic, 0, [OutgoingRecord(key, b"from kafka", 1, HEADERS) for key in KEYS])]
        )
        for number in range(10):
            await nc.request(f"{name}.data.own-{number}", b"from nats", headers={"x": "1"})

        async def crossed() -> bool:
            stored = [one async for one in read.messages(nc, name, f"{name}.data.>")]
            return len(stored) >= len(KEYS) + 10 and len(await read_topic(topic, 0)) >= len(KEYS) + 10

        await eventually(crossed)
        ingress, egress = routes.report()

        async def looked_at() -> bool:
            nonlocal ingress, egress
            ingress, egress = routes.report()
            return bool(ingress["looped"] == len(KEYS) and egress["looped"] == 10)

        await eventually(looked_at)
    finally:
        await routes.stop()

    stored = [one async for one in read.messages(nc, name, f"{name}.data.>")]
    records = await read_topic(topic, 0)
    assert len(stored) == len(records) == len(KEYS) + 10
    back = [record for record in records if record.value == b"from nats"]
    assert [record.key for record in back] == [f"own-{number}".encode() for number in range(10)]
    assert not [name for record in back for name, _ in record.headers if name.lower() == "nats-rollup"]


async def test_a_chain_carries_keys_and_headers_back_as_they_were(
    nc: Client,
    servers: Endpoints,
    make_stream: MakeStream,
    make_topic: MakeTopic,
    producer: DurableProducer,
    read_topic: ReadTopic,
    eventually: Eventually,
) -> None:
    """From one partition of a topic to the stream and on to the other, with a guard that counts hops."""
    name = await make_stream(allow_atomic=True, allow_rollup_hdrs=True, allow_msg_ttl=True)
    topic = await make_topic(1)
    routes = _running(nc, servers, name, producer, guard="hops", hops=1, back_hops=2)
    await routes.check()
    await producer.write([OutgoingBatch(topic, 0, [OutgoingRecord(key, b"v", 1, HEADERS) for key in KEYS])])
    await producer.write([OutgoingBatch(topic, 0, [OutgoingRecord(b"gone", None, 1, ())])])
    await routes.start()
    routes.own(frozenset({0}))
    try:

        async def came_back() -> bool:
            return len(await read_topic(topic, 0)) >= 2 * len(KEYS) + 2

        await eventually(came_back)
        await asyncio.sleep(0.5)  # a third round would come now
    finally:
        await routes.stop()

    records = await read_topic(topic, 0)
    first, again = records[: len(KEYS) + 1], records[len(KEYS) + 1 :]
    assert [record.key for record in again] == [record.key for record in first]
    assert [record.value for record in again] == [record.value for record in first]
    wanted: dict[str, Any] = {header.lower(): value for header, value in HEADERS if header != "Nats-Rollup"}
    for record in again[:-1]:
        carried = {header.lower(): value for header, value in record.headers}
        assert {header: carried.get(header) for header in wanted} == wanted
        assert carried["bridge-hops"] == b"2"
    assert (await api(nc, f"STREAM.INFO.{name}"))["state"]["messages"] == len(KEYS) + 1 + 1


def _running(
    nc: Client,
    servers: Endpoints,
    name: str,
    producer: DurableProducer,
    guard: str = "origin",
    hops: int = 8,
    back_hops: int = 8,
) -> RunningRoutes:
    text = f"""
[[route]]
name = "{name}-in"
direction = "ingress"
source = {{ stream = "{name}", filter = "{name}.data.*" }}
target = {{ topic = "{name}" }}
key = {{ from = "token", token = 2, encoded = true }}
partition = {{ from = "fixed", number = 0 }}
loop_guard = "{guard}"
max_hops = {back_hops}

[[route]]
name = "{name}-out"
direction = "egress"
source = {{ topic = "{name}" }}
target = {{ stream = "{name}", subject = "{name}.data.{{key}}", checkpoint = "{name}.position" }}
loop_guard = "{guard}"
max_hops = {hops}
"""

    async def write(topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        await producer.write(
            OutgoingBatch(topic, partition, [OutgoingRecord(*record) for record in records])
            for partition, records in by_partition.items()
        )

    return RunningRoutes(
        nc,
        parse_routes(text, "routes.toml", Limits(1))[0],
        Installation("test", servers.kafka_bootstrap, 1),
        DeadLetters(nc, f"letters.{name}"),
        write=write,
        routers={},
    )
