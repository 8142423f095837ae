"""The open-loop generator, a process of its own: event i is due at t0 + i / rate, whatever became of the events before.

An event carries its due time in a header. How late the generator itself was, and when Kafka acknowledged, is reported."""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import itertools
import json
import time
from array import array
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from aiokafka import AIOKafkaProducer

from benchmarks.percentiles import in_milliseconds
from benchmarks.topics import write
from benchmarks.workload import FEW_KEYS, PARTITIONS, due_header, events

FIRST_EVENTS = 400
"""Written before the schedule begins; they show that the engine runs and warm its caches."""
STARTED_BUDGET_S = 60.0
ACKNOWLEDGED_BUDGET_S = 60.0
WARM_UP_SHARE = 0.25


class Filled(NamedTuple):
    """A batch and the due times of its events."""

    batch: Any
    dues: list[int]


class PartitionSender:
    """Sends what is due for one partition; what becomes due while a request is prepared goes with the next."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partition: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._waiting: deque[Filled] = deque([Filled(producer.create_batch(), [])])
        self._wake = asyncio.Event()
        self._taken = 0
        self.acknowledged = array("q")

    def add(self, key: bytes, value: bytes, due_ns: int) -> None:
        """Take an event that is due."""
        headers = [due_header(due_ns)]
        if self._waiting[-1].batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            self._waiting.append(Filled(self._producer.create_batch(), []))
            self._waiting[-1].batch.append(key=key, value=value, timestamp=None, headers=headers)
        self._waiting[-1].dues.append(due_ns)
        self._taken += 1
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            filled = self._waiting.popleft()
            if not self._waiting:
                self._waiting.append(Filled(self._producer.create_batch(), []))
                self._wake.clear()
            ack = await self._producer.send_batch(filled.batch, self._topic, partition=self._partition)
            ack.add_done_callback(functools.partial(self._acknowledge, filled.dues))

    async def finish(self) -> None:
        """Wait until everything taken is acknowledged."""
        async with asyncio.timeout(ACKNOWLEDGED_BUDGET_S):
            while len(self.acknowledged) < 2 * self._taken:  # noqa: ASYNC110  # told by callbacks, many at once
                await asyncio.sleep(0.005)

    def _acknowledge(self, dues: list[int], ack: asyncio.Future[object]) -> None:
        ack.result()
        now = time.time_ns()
        for due in dues:
            self.acknowledged.append(due)
            self.acknowledged.append(now - due)


async def generate(bootstrap: str, topic: str, *, rate: float, seconds: float, started: Path) -> dict[str, object]:
    """Write the first events, wait for the engine's `started` file, then keep the schedule."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=1 << 20
    )
    await producer.start()
    source = events(FEW_KEYS)
    await write(producer, topic, itertools.islice(source, FIRST_EVENTS))
    total = int(rate * seconds)
    # Encoded before the schedule begins, so that it costs no time within it.
    prepared = list(itertools.islice(source, total))
    await _wait_for(started)
    gc.collect()
    gc.freeze()
    gc.disable()
    senders = [PartitionSender(producer, topic, partition) for partition in range(PARTITIONS)]
    tasks = [asyncio.create_task(sender.run()) for sender in senders]
    late = array("q")
    start = time.time_ns() + 500_000_000
    interval = 1e9 / rate
    number = 0
    while number < total:
        while number < total:
            due = start + int(number * interval)
            now = time.time_ns()
            if due > now:
                break
            event = prepared[number]
            senders[event.partition].add(event.key, event.value, due)
            late.append(now - due)
            number += 1
        await asyncio.sleep(max(0.0, (start + number * interval - time.time_ns()) / 1e9))
    for sender in senders:
        await sender.finish()
    for task in tasks:
        task.cancel()
    await producer.stop()
    first = start + int(seconds * WARM_UP_SHARE * 1e9)
    acknowledged = [
        taken
        for sender in senders
        for due, taken in zip(sender.acknowledged[::2], sender.acknowledged[1::2], strict=True)
        if due >= first
    ]
    return {
        "first_due_ns": first,
        "events": total,
        "late": in_milliseconds(late[int(total * WARM_UP_SHARE) :]),
        "kafka_append": in_milliseconds(acknowledged),
    }


async def _wait_for(started: Path) -> None:
    async with asyncio.timeout(STARTED_BUDGET_S):
        while not started.exists():  # noqa: ASYNC110, ASYNC240  # a file of another process, looked up in microseconds
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)


def main() -> None:
    """Generate once and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--started", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    report = uvloop.run(
        generate(options.kafka, options.topic, rate=options.rate, seconds=options.seconds, started=options.started)
    )
    options.report.write_text(json.dumps(report))


if __name__ == "__main__":
    main()
