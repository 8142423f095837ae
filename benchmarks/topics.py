"""Topics of a measurement: created fresh, filled with the common events, removed after use."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.workload import PARTITIONS, Event, events

BATCH_BYTES = 256 << 10


async def create_topic(bootstrap: str, name: str) -> None:
    """Create a topic with the partitions of every measurement."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    finally:
        await admin.close()


async def delete_topics(bootstrap: str, prefix: str) -> None:
    """Delete all topics whose name begins with `prefix`: those of a run and the changelogs that its engine made."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        found = [name for name in await admin.list_topics() if name.startswith(prefix)]
        if found:
            await admin.delete_topics(found)
    finally:
        await admin.close()


async def fill_topic(bootstrap: str, name: str, *, keys: int, count: int) -> None:
    """Create a topic and write the first `count` events of `keys` entities."""
    await create_topic(bootstrap, name)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    await producer.start()
    try:
        await write(producer, name, itertools.islice(events(keys), count))
    finally:
        await producer.stop()


async def write(producer: AIOKafkaProducer, topic: str, source: Iterable[Event]) -> None:
    """Write events in large batches and wait for their acknowledgement."""
    acks: list[asyncio.Future[object]] = []
    open_batches = {partition: producer.create_batch() for partition in range(PARTITIONS)}
    for event in source:
        batch = open_batches[event.partition]
        if batch.append(key=event.key, value=event.value, timestamp=None) is None:
            acks.append(await producer.send_batch(batch, topic, partition=event.partition))
            batch = open_batches[event.partition] = producer.create_batch()
            batch.append(key=event.key, value=event.value, timestamp=None)
    for partition, batch in open_batches.items():
        if batch.record_count():
            acks.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*acks)
