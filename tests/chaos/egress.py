"""Records that go from Kafka to JetStream by an egress route: who writes them, and whether the target is the source, record by record."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from nats.aio.client import Client

from bridge.jetstream import api
from bridge.topics import ensure_topics
from config.topics import Topic
from tests.chaos.findings import Findings
from tests.chaos.logs import StreamReader, TopicReader

TOPIC = "chaos.source"
STREAM = "CHAOS_TARGET"
PARTITIONS = 4
KEYS = 40
PER_S = 60.0
AGAIN_S = 0.5

ROUTES = f"""\
include_packaged = true

[[route]]
name = "chaos"
direction = "egress"
source = {{ topic = "{TOPIC}" }}
target = {{ stream = "{STREAM}", subject = "chaos.target.{{partition}}.{{key}}", checkpoint = "chaos.position" }}
"""


async def prepare(nc: Client, bootstrap: str, *, replicas: int) -> None:
    """Create source and target, before a worker starts on `ROUTES`."""
    config = {
        "name": STREAM,
        "subjects": ["chaos.target.*.*", "chaos.position.*"],
        "storage": "file",
        "num_replicas": replicas,
        "allow_atomic": True,
        "allow_rollup_hdrs": True,
        "allow_msg_ttl": True,
    }
    await api(nc, f"STREAM.CREATE.{STREAM}", config)
    await ensure_topics(
        bootstrap, [Topic(TOPIC, PARTITIONS, replicas, {"min.insync.replicas": str(max(1, replicas - 1))})]
    )


class EgressSender:
    """Writes numbered records at a rate, whatever the broker does. A record that was not acknowledged is written again."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.acknowledged: set[bytes] = set()
        self.sent = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def send(self, round_seed: int, *, seconds: float) -> None:
        """Write records for some seconds; returns when the last one is due."""
        begun = time.monotonic()
        for number in range(int(PER_S * seconds)):
            await asyncio.sleep(max(0.0, number / PER_S - (time.monotonic() - begun)))
            key = number % KEYS
            value = orjson.dumps({"seed": round_seed, "number": number})
            task = asyncio.create_task(self._write(f"key-{round_seed}-{key}".encode(), value, key % PARTITIONS))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            self.sent += 1

    @property
    def under_way(self) -> int:
        """Records that are not acknowledged yet."""
        return len(self._under_way)

    async def stop(self) -> None:
        """Give up what is not acknowledged, and disconnect."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._producer is not None:
            await self._producer.stop()

    async def _write(self, key: bytes, value: bytes, partition: int) -> None:
        while True:
            try:
                producer = await self._connected()
                await producer.send_and_wait(TOPIC, value, key=key, partition=partition)
                self.acknowledged.add(value)
                return
            except KafkaError:
                await asyncio.sleep(AGAIN_S)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap, enable_idempotence=True, acks="all", request_timeout_ms=60_000
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer


class EgressLedger:
    """Both sides as they were read so far."""

    def __init__(self) -> None:
        self._topic = TopicReader({TOPIC: PARTITIONS})
        self._stream = StreamReader(STREAM)
        self.source: defaultdict[int, list[tuple[int, bytes, bytes]]] = defaultdict(list)
        self.target: defaultdict[int, list[tuple[int, bytes, bytes]]] = defaultdict(list)
        self._compared: defaultdict[int, int] = defaultdict(int)
        self._values: set[bytes] = set()

    @property
    def records(self) -> int:
        """Records of the source."""
        return sum(len(records) for records in self.source.values())

    async def read(self, nc: Client, bootstrap: str) -> str | None:
        """Read both sides on; says what the target lacks."""
        for record in await self._topic.read(bootstrap):
            self.source[record.partition].append((record.offset, record.key, record.value))
            self._values.add(record.value)
        for message in await self._stream.read(nc):
            if message.subject.startswith("chaos.target."):
                headers = {name.lower(): value for name, value in message.headers.items()}
                _, _, partition, key = message.subject.split(".")
                self.target[int(partition)].append((int(headers["kafka-offset"]), key.encode(), message.data))
        carried = sum(len(messages) for messages in self.target.values())
        return None if carried >= self.records else f"egress carried {carried} of {self.records} records"

    def check(self, sender: EgressSender, findings: Findings) -> None:
        """The target is the source: the same records, in its order, each once. What was acknowledged is in the source."""
        for value in sender.acknowledged - self._values:
            findings.add("lost", "egress", f"acknowledged by Kafka and not in the source: {value.decode()}")
        for partition in range(PARTITIONS):
            start = self._compared[partition]
            source, target = self.source[partition][start:], self.target[partition][start:]
            if source == target:
                self._compared[partition] += len(source)
                continue
            self._tell(partition, source, target, findings)

    @staticmethod
    def _tell(partition: int, source: list[Any], target: list[Any], findings: Findings) -> None:
        where = f"{TOPIC}[{partition}]"
        offsets = [offset for offset, _, _ in target]
        for record in source:
            times = target.count(record)
            if times == 0 and record[0] in offsets:
                findings.add("divergent", where, f"offset {record[0]} is another record in the target")
            elif times == 0:
                findings.add("lost", where, f"offset {record[0]} is not in the target")
            elif times > 1:
                findings.add("duplicated", where, f"offset {record[0]} is {times} times in the target")
        for offset in set(offsets) - {record[0] for record in source}:
            findings.add("duplicated", where, f"offset {offset} is in the target and not in the source")
        first = list(dict.fromkeys(offsets))
        if first != sorted(first):
            findings.add("out_of_order", where, "the target has another order than the source")
