"""What remains without a framework: aiokafka, rocksdict and a changelog topic, one task a partition.

No migration of state when partitions move, no recovery: the roofline of Python on this machine."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from rocksdict import Options, Rdict, WriteBatch

from benchmarks.engines.meter import Meter
from benchmarks.fold import fold_batch
from benchmarks.workload import DUE_HEADER, due_of

METER = Meter()
OFFSET_KEY = b"\0offset"


class PartitionTable:
    """The rows of one partition: RocksDB, and the changelog that makes them durable."""

    def __init__(self, producer: AIOKafkaProducer, changelog: str, partition: int) -> None:
        self._producer = producer
        self._changelog = changelog
        self._partition = partition
        folder = METER.folder / "data" / str(partition)
        folder.mkdir(parents=True)
        self._database = Rdict(str(folder), Options(raw_mode=True))

    async def fold(self, records: list[Any]) -> None:
        """Changelog first, then the rows together with the offset of the last record."""
        rows = fold_batch(((record.key, record.value) for record in records), self._database.get)
        now = int(time.time() * 1000)
        batch = self._producer.create_batch()
        acks = []
        for key, row in rows:
            if batch.append(key=key, value=row, timestamp=now) is None:
                acks.append(await self._producer.send_batch(batch, self._changelog, partition=self._partition))
                batch = self._producer.create_batch()
                batch.append(key=key, value=row, timestamp=now)
        if batch.record_count():
            acks.append(await self._producer.send_batch(batch, self._changelog, partition=self._partition))
        await asyncio.gather(*acks)
        changed = WriteBatch(raw_mode=True)
        for key, row in rows:
            changed.put(key, row)
        changed.put(OFFSET_KEY, str(records[-1].offset + 1).encode())
        self._database.write(changed)


async def run() -> None:
    """Read, fold and commit until the meter ends the process."""
    changelog = f"{METER.run_id}-rows-changelog"
    admin = AIOKafkaAdminClient(bootstrap_servers=METER.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(changelog, METER.partitions, 1, topic_configs={"cleanup.policy": "compact"})])
    await admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=METER.kafka, acks="all", enable_idempotence=True, max_batch_size=1 << 20
    )
    await producer.start()
    consumer = AIOKafkaConsumer(
        METER.topic,
        bootstrap_servers=METER.kafka,
        group_id=METER.run_id,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    tables = {partition: PartitionTable(producer, changelog, partition) for partition in range(METER.partitions)}
    committing = asyncio.create_task(_commit_periodically(consumer))
    at_most = METER.settings["at_most"]
    while not committing.done():
        fetched = await consumer.getmany(timeout_ms=1000, max_records=at_most)
        if fetched:
            METER.begin()
        await asyncio.gather(*(_fold(tables[tp.partition], tp, records) for tp, records in fetched.items()))
    await committing


COMMITTABLE: dict[TopicPartition, int] = {}


async def _fold(table: PartitionTable, tp: TopicPartition, records: list[Any]) -> None:
    await table.fold(records)
    COMMITTABLE[tp] = records[-1].offset + 1
    dues: list[int] = []
    if METER.open_loop:
        dues = [due_of(value) for record in records for name, value in record.headers if name == DUE_HEADER]
    METER.done(len(records), dues)


async def _commit_periodically(consumer: AIOKafkaConsumer) -> None:
    while True:
        await asyncio.sleep(0.25)
        if COMMITTABLE:
            await consumer.commit(dict(COMMITTABLE))


if __name__ == "__main__":
    uvloop.run(run())
