"""Measures the bridge alone: messages per second both ways while catching up, and the time of one hop under an open loop.

The carrying process is a child with the routes of `bridge/` and nothing else; servers, child and generator share the machine. Catch-up:
everything is stored before the child starts; the clock runs from its first message to its last. Hop: from the answer of the one server
(stored and synced) to the moment at which a reader of the other one has the message; latency counts from that answer, load from due times."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from nats.aio.client import Client

from benchmarks.workload import Event, events
from bridge.batch import BatchWriter, Outgoing
from bridge.connection import connect
from bridge.dead_letters import DeadLetters
from bridge.egress_route import Installation
from bridge.ingress import KafkaRecord
from bridge.jetstream import api
from bridge.route_file import Limits, parse_routes
from bridge.running import RunningRoutes
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints, Stack

PARTITIONS = 4
KEYS = 5_000
WARM_UP_SHARE = 0.25
TICKS = os.sysconf("SC_CLK_TCK")
STREAM = {"storage": "file", "retention": "limits", "discard": "new", "num_replicas": 1}
TARGET = {"allow_atomic": True, "allow_rollup_hdrs": True, "allow_msg_ttl": True}


@dataclass
class Throughput:
    """One catch-up run."""

    direction: str
    messages: int
    seconds: float
    messages_per_second: int
    cpu_us_per_message: float


@dataclass
class Hop:
    """One open-loop run; milliseconds, warm-up discarded."""

    direction: str
    rate: int
    samples: int
    p50: float
    p95: float
    p99: float
    max: float
    generator_late_p99: float


async def measure_ingress(at: Endpoints, messages: int) -> Throughput:
    """Fill a stream, then carry all of it to a topic."""
    async with _connected(at) as nc:
        name = await _stream(nc, allow_atomic=True)
        await ensure_topics(at.kafka_bootstrap, [Topic(name, PARTITIONS, 1, {})])
        await fill_stream(nc, name, messages)
        with _carrier(at, _ingress(name)) as child:
            return await _throughput("ingress", messages, child, lambda: _ends(at, name))


async def measure_egress(at: Endpoints, messages: int) -> Throughput:
    """Fill a topic, then carry all of it to a stream, exactly once."""
    async with _connected(at) as nc:
        name = await _stream(nc, **TARGET)
        await ensure_topics(at.kafka_bootstrap, [Topic(name, PARTITIONS, 1, {})])
        await fill_topic(at, name, messages)

        async def stored() -> int:
            # The claims and the positions are messages, too; each replaces the one before.
            state = (await api(nc, f"STREAM.INFO.{name}"))["state"]
            return int(state["messages"]) - PARTITIONS

        with _carrier(at, _egress(name)) as child:
            return await _throughput("egress", messages, child, stored)


async def measure_ingress_hop(at: Endpoints, rate: int, seconds: float) -> Hop:
    """Publish at a fixed rate; a reader of the topic notes when each message is there."""
    async with _connected(at) as nc:
        name = await _stream(nc)
        await ensure_topics(at.kafka_bootstrap, [Topic(name, PARTITIONS, 1, {})])
        reader = AIOKafkaConsumer(
            bootstrap_servers=at.kafka_bootstrap, fetch_max_wait_ms=500, auto_offset_reset="latest"
        )
        await reader.start()
        reader.assign([TopicPartition(name, number) for number in range(PARTITIONS)])
        await reader.seek_to_end()
        stored: dict[int, float] = {}
        seen: dict[int, float] = {}

        async def read() -> None:
            while True:
                for records in (await reader.getmany(timeout_ms=1000)).values():
                    now = time.perf_counter()
                    seen.update((int(dict(record.headers)["bench-number"]), now) for record in records)

        async def publish(number: int, event: Event) -> None:
            headers = {"Content-Type": "application/cloudevents+json", "Bench-Number": str(number)}
            await nc.request(_subject(name, event), event.value, headers=headers, timeout=10)
            stored[number] = time.perf_counter()

        try:
            with _carrier(at, _ingress(name)):
                return await _hop("ingress", rate, seconds, publish, read, stored, seen)
        finally:
            await reader.stop()


async def measure_egress_hop(at: Endpoints, rate: int, seconds: float) -> Hop:
    """Produce at a fixed rate; a consumer of the stream notes when each message is there."""
    async with _connected(at) as nc:
        name = await _stream(nc, **TARGET)
        await ensure_topics(at.kafka_bootstrap, [Topic(name, PARTITIONS, 1, {})])
        producer = AIOKafkaProducer(bootstrap_servers=at.kafka_bootstrap, acks="all", enable_idempotence=True)
        await producer.start()
        stored: dict[int, float] = {}
        seen: dict[int, float] = {}
        inbox = nc.new_inbox()

        async def note(message: Any) -> None:
            seen[int(message.headers["bench-number"])] = time.perf_counter()

        await nc.subscribe(inbox, cb=note)
        config = {
            "deliver_subject": inbox,
            "deliver_policy": "all",
            "ack_policy": "none",
            "filter_subject": f"{name}.records.>",
        }
        await api(nc, f"CONSUMER.CREATE.{name}", {"stream_name": name, "config": config})

        async def read() -> None:
            await asyncio.Event().wait()

        async def publish(number: int, event: Event) -> None:
            headers = [("bench-number", str(number).encode())]
            await producer.send_and_wait(
                name, event.value, key=event.key, partition=event.partition % PARTITIONS, headers=headers
            )
            stored[number] = time.perf_counter()

        try:
            with _carrier(at, _egress(name)):
                return await _hop("egress", rate, seconds, publish, read, stored, seen)
        finally:
            await producer.stop()


async def fill_stream(nc: Client, name: str, messages: int) -> None:
    """Store events under `<name>.<partition>.<key>` in atomic batches, with the headers that the domain's writer sets."""
    writer = BatchWriter(nc)
    await writer.start()
    generated = events(KEYS)
    for begin in range(0, messages, 900):
        batch = []
        for number in range(begin, min(begin + 900, messages)):
            event = next(generated)
            headers = f"Content-Type: application/cloudevents+json\r\nNats-Msg-Id: {number}\r\n"
            batch.append(Outgoing(_subject(name, event).encode(), headers.encode(), event.value))
        await writer.stored(await writer.send(batch), timeout_s=30)
    await writer.stop()


async def fill_topic(at: Endpoints, name: str, messages: int) -> None:
    """Produce events to their partitions."""
    producer = DurableProducer(at.kafka_bootstrap, client_id="bench", max_batch_bytes=1 << 20)
    generated = events(KEYS)
    headers = (("content-type", b"application/cloudevents+json"),)
    for begin in range(0, messages, 4000):
        by_partition: dict[int, list[OutgoingRecord]] = {}
        for _ in range(begin, min(begin + 4000, messages)):
            event = next(generated)
            by_partition.setdefault(event.partition % PARTITIONS, []).append(
                OutgoingRecord(event.key, event.value, 1, headers)
            )
        await producer.write(OutgoingBatch(name, number, records) for number, records in by_partition.items())
    await producer.stop()


async def _throughput(direction: str, messages: int, child: subprocess.Popen[bytes], count: Any) -> Throughput:
    while await count() <= 0:  # noqa: ASYNC110  # the servers send no event for it
        await asyncio.sleep(0.01)
    begun, cpu, first = time.perf_counter(), _cpu_seconds(child.pid), await count()
    while await count() < messages:
        assert child.poll() is None, "the carrier ended"
        await asyncio.sleep(0.05)
    seconds, used = time.perf_counter() - begun, _cpu_seconds(child.pid) - cpu
    carried = messages - first
    if carried <= 0:
        raise ValueError(f"{messages} messages were carried before the clock started; take more")
    return Throughput(direction, carried, round(seconds, 3), round(carried / seconds), round(used / carried * 1e6, 1))


async def _hop(
    direction: str, rate: int, seconds: float, publish: Any, read: Any, stored: dict[int, float], seen: dict[int, float]
) -> Hop:
    total = int(rate * seconds)
    generated = events(KEYS)
    prepared = [next(generated) for _ in range(total + 1)]
    reading = asyncio.create_task(read())
    # The first message finds the carrier joined and awake.
    await publish(-1, prepared[total])
    async with asyncio.timeout(30):
        while -1 not in seen:  # noqa: ASYNC110  # readers only take notes
            await asyncio.sleep(0.01)
    running: set[asyncio.Task[None]] = set()
    late = []
    start = time.perf_counter() + 0.2
    for number in range(total):
        due = start + number / rate
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        late.append(time.perf_counter() - due)
        task = asyncio.create_task(publish(number, prepared[number]))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    async with asyncio.timeout(30):
        while len(seen) <= total:  # noqa: ASYNC110  # readers only take notes
            await asyncio.sleep(0.01)
    reading.cancel()
    first = int(total * WARM_UP_SHARE)
    hops = sorted(max(0.0, seen[number] - stored[number]) for number in range(first, total))
    return Hop(
        direction,
        rate,
        len(hops),
        p50=_at(hops, 0.5),
        p95=_at(hops, 0.95),
        p99=_at(hops, 0.99),
        max=_at(hops, 1.0),
        generator_late_p99=_at(sorted(late[first:]), 0.99),
    )


def _at(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 3)


def _ingress(name: str) -> str:
    return f"""
[[route]]
name = "bench"
direction = "ingress"
source = {{ stream = "{name}", filter = "{name}.{{partition}}.*" }}
target = {{ topic = "{name}" }}
partition = {{ from = "token", token = 1 }}
key = {{ from = "token", token = 2 }}
loop_guard = "off"
bounds = {{ batch = 1000 }}
"""


def _egress(name: str) -> str:
    return f"""
[[route]]
name = "bench"
direction = "egress"
source = {{ topic = "{name}" }}
target = {{ stream = "{name}", subject = "{name}.records.{{key}}", checkpoint = "{name}.position" }}
"""


def _subject(name: str, event: Event) -> str:
    return f"{name}.{event.partition % PARTITIONS}.{event.key.decode()}"


async def _stream(nc: Client, **settings: Any) -> str:
    name = f"bench{uuid.uuid4().hex[:8]}"
    await ensure_stream(nc, {**STREAM, **settings, "name": name, "subjects": [f"{name}.>"]})
    return name


async def _ends(at: Endpoints, topic: str) -> int:
    consumer = _ends_readers.get(at.kafka_bootstrap)
    if consumer is None:
        consumer = _ends_readers[at.kafka_bootstrap] = AIOKafkaConsumer(bootstrap_servers=at.kafka_bootstrap)
        await consumer.start()
    ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(PARTITIONS)])
    return sum(ends.values())


_ends_readers: dict[str, AIOKafkaConsumer] = {}


@contextlib.asynccontextmanager
async def _connected(at: Endpoints) -> AsyncIterator[Client]:
    nc = Client()
    await connect(nc, at.nats_url, name="bench")
    try:
        yield nc
    finally:
        await nc.close()
        while _ends_readers:
            await _ends_readers.popitem()[1].stop()


@contextlib.contextmanager
def _carrier(at: Endpoints, routes: str) -> Any:
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bridge_hop", "--carry", routes, at.nats_url, at.kafka_bootstrap],
        cwd=Path(__file__).parent.parent,
    )
    try:
        yield child
    finally:
        child.terminate()
        child.wait(20)


async def _carry(routes_text: str, nats_url: str, bootstrap: str) -> None:
    """What a worker does with these routes, without its lanes."""
    nc = Client()
    await connect(nc, nats_url, name="bench carrier")
    producer = DurableProducer(bootstrap, client_id="bench-carrier", max_batch_bytes=1 << 20)

    async def write(topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        await producer.write(
            OutgoingBatch(topic, partition, [OutgoingRecord(*record) for record in records])
            for partition, records in by_partition.items()
        )

    running = RunningRoutes(
        nc,
        parse_routes(routes_text, "bench", Limits(PARTITIONS))[0],
        Installation(f"bench{uuid.uuid4().hex[:6]}", bootstrap, PARTITIONS),
        DeadLetters(nc, "bench.dlq"),
        write=write,
        routers={},
    )
    await running.check()
    await running.start()
    running.own(frozenset(range(PARTITIONS)))
    # As a worker does when it has started.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    await asyncio.Event().wait()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure_all(at: Endpoints, messages: int, rate: int, seconds: float) -> dict[str, Any]:
    """All four measurements, as they stand in the report; each is printed when it is done."""
    found: dict[str, Any] = {}
    for name, measured in (
        ("ingress", measure_ingress(at, messages)),
        ("egress", measure_egress(at, messages)),
        ("ingress_hop", measure_ingress_hop(at, rate, seconds)),
        ("egress_hop", measure_egress_hop(at, rate, seconds)),
    ):
        found[name] = asdict(await measured)
        print(f"{name:<12} {json.dumps(found[name])}", flush=True)
    return found


def main() -> int:
    """Run all measurements several times and write the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path("build/bridge-hop"))
    parser.add_argument("--report", type=Path, default=Path("build/bridge_hop.json"))
    parser.add_argument("--carry", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.carry:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(_carry(*options.carry))
        return 0
    shutil.rmtree(options.data, ignore_errors=True)
    runs = []
    with Stack(options.data / "stack") as stack:
        for _ in range(options.runs):
            runs.append(uvloop.run(measure_all(stack.endpoints, options.messages, options.rate, options.seconds)))
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps({"runs": runs}, indent=2) + "\n")
    print(f"written to {options.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
