"""nats-kafka, the peer of the bridge: the same stream to the same topic, counted and timed as `benchmarks.bridge_hop` does for ours.

It is at least once and, with one connector a topic, one record at a time; Kafka acknowledges by the leader alone (sarama's default)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks import bridge_hop
from benchmarks.environments import nats_kafka_program
from benchmarks.workload import PARTITIONS, Event
from bridge.topics import ensure_topics
from config.topics import Topic
from local.stack import Endpoints

RATE = 1_000
CONFIGURATIONS = {
    "default": "one connector for the stream, as in the manual of nats-kafka",
    "tuned": "one connector for each partition, flow control on, no waiting for the server to record acknowledgements",
}


async def measure(
    at: Endpoints, folder: Path, *, tuned: bool, messages: int, rate: int, seconds: float
) -> dict[str, Any]:
    """Messages per second with everything stored before the start, and the time of a hop at a fixed rate."""
    return {
        "ingress": asdict(await _catch_up(at, folder, tuned, messages)),
        "ingress_hop": asdict(await _hop(at, folder, tuned, rate, seconds)),
    }


async def _catch_up(at: Endpoints, folder: Path, tuned: bool, messages: int) -> bridge_hop.Throughput:
    async with bridge_hop._connected(at) as nc:
        name = await bridge_hop._stream(nc, allow_atomic=True)
        await ensure_topics(at.kafka_bootstrap, [Topic(name, PARTITIONS, 1, {})])
        await bridge_hop.fill_stream(nc, name, messages)
        with _running(at, folder, name, tuned) as child:
            return await bridge_hop._throughput("ingress", messages, child, lambda: bridge_hop._ends(at, name))


async def _hop(at: Endpoints, folder: Path, tuned: bool, rate: int, seconds: float) -> bridge_hop.Hop:
    async with bridge_hop._connected(at) as nc:
        name = await bridge_hop._stream(nc)
        await ensure_topics(at.kafka_bootstrap, [Topic(name, PARTITIONS, 1, {})])
        reader = AIOKafkaConsumer(
            bootstrap_servers=at.kafka_bootstrap, fetch_max_wait_ms=500, auto_offset_reset="latest"
        )
        await reader.start()
        reader.assign([TopicPartition(name, number) for number in range(PARTITIONS)])
        await reader.seek_to_end()
        numbers: dict[str, int] = {}
        stored: dict[int, float] = {}
        seen: dict[int, float] = {}

        async def read() -> None:
            while True:
                for records in (await reader.getmany(timeout_ms=1000)).values():
                    now = time.perf_counter()
                    seen.update((numbers[orjson.loads(record.value)["id"]], now) for record in records)

        async def publish(number: int, event: Event) -> None:
            numbers[orjson.loads(event.value)["id"]] = number
            await nc.request(bridge_hop._subject(name, event), event.value, timeout=10)
            stored[number] = time.perf_counter()

        try:
            with _running(at, folder, name, tuned):
                return await bridge_hop._hop("ingress", rate, int(seconds), publish, read, stored, seen)
        finally:
            await reader.stop()


@contextlib.contextmanager
def _running(at: Endpoints, folder: Path, name: str, tuned: bool) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / f"{name}.conf"
    config.write_text(configuration(at, name, tuned=tuned))
    with (folder / "nats-kafka.log").open("ab") as log:
        child = subprocess.Popen([str(nats_kafka_program()), "-c", str(config)], stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def configuration(at: Endpoints, name: str, *, tuned: bool) -> str:
    """What nats-kafka is told; published as it is."""
    subjects = [f"{name}.{partition}.*" for partition in range(PARTITIONS)] if tuned else [f"{name}.>"]
    jetstream = {"maxwait": 5000, "enableflowcontrol": tuned, "heartbeatinterval": 5000 if tuned else 0}
    connectors = [
        {
            "type": "JetStreamToKafka",
            "id": f"{name}{number}",
            "brokers": [at.kafka_bootstrap],
            "topic": name,
            "subject": subject,
            "durablename": f"peer{uuid.uuid4().hex[:8]}",
            **({"keytype": "fixed", "keyvalue": f"{number}"} if tuned else {}),
        }
        for number, subject in enumerate(subjects)
    ]
    settings = {
        "reconnectinterval": 1000,
        "connecttimeout": 5000,
        "logging": {"time": True, "debug": False, "trace": False},
        "nats": {"servers": [at.nats_url]},
        "jetstream": jetstream,
        "connect": connectors,
    }
    return json.dumps(settings, indent=2)


async def ours(at: Endpoints, _folder: Path, messages: int, seconds: float) -> dict[str, Any]:
    """The bridge of this system, both ways."""
    return await bridge_hop.measure_all(at, messages, RATE, seconds)


async def _default(at: Endpoints, folder: Path, messages: int, seconds: float) -> dict[str, Any]:
    return await measure(at, folder, tuned=False, messages=max(1, messages // 20), rate=RATE, seconds=seconds)


async def _tuned(at: Endpoints, folder: Path, messages: int, seconds: float) -> dict[str, Any]:
    return await measure(at, folder, tuned=True, messages=max(1, messages // 5), rate=RATE, seconds=seconds)


ENGINES = {"ours": ours, "nats_kafka_default": _default, "nats_kafka_tuned": _tuned}
"""The bridges that are compared; the slower ones get fewer messages."""
