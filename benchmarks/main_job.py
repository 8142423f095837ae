"""Measures the way of an event: appended to PERSON_EVENTS (fsynced), carried to Kafka, visible in all read models.

Open loop: event i is due at t0 + i / rate and latency counts from there. Catch-up: a worker that starts behind."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.measure import MAX_LATE_P99_MS
from benchmarks.percentiles import in_milliseconds
from benchmarks.person_events import Population, fill
from benchmarks.workload import PARTITIONS
from config import topics
from domain.partitions import partition_of
from local.stack import Endpoints
from ops.client import PersonClient
from ops.workers import Worker

WARM_UP_SHARE = 0.25
READS_PER_SECOND = 50
CATCH_UP_BUDGET_S = 120.0
DRAIN_BUDGET_S = 30.0
QUIET_LOOKS = 4
"""How often, half a second apart, a worker must have done nothing new."""
APPENDS_AT_ONCE = 256
W = TypeVar("W", bound=Worker)
TICKS = os.sysconf("SC_CLK_TCK")


class NotingWorker(Worker):
    """A worker of this system as it is, which notes when its events were visible."""

    module = "benchmarks.engines.all_read_models"


@dataclass(frozen=True)
class Appended:
    """What became of one appended event; nanoseconds since the epoch."""

    number: int
    due: int
    acknowledged: int
    stream_sequence: int


def worker(servers: Endpoints, folder: Path, app_id: str) -> NotingWorker:
    """A worker that notes times and has not been started; its group and changelogs are named after `app_id`."""
    return _worker(NotingWorker, servers, folder, app_id)


def plain_worker(servers: Endpoints, folder: Path, app_id: str) -> Worker:
    """A worker as it is installed."""
    return _worker(Worker, servers, folder, app_id)


def _worker(kind: type[W], servers: Endpoints, folder: Path, app_id: str) -> W:
    return kind(
        app_id,
        nats_url=servers.nats_url,
        kafka_bootstrap=servers.kafka_bootstrap,
        data=folder / app_id,
        logs=folder / "logs",
        settings={
            "PERSON_PARTITIONS": str(PARTITIONS),
            "PERSON_APP_ID": app_id,
            # What policies send would come between the events of a run.
            "PERSON_SHIPPED_POLICIES": "false",
        },
    )


async def catch_up(behind: NotingWorker, last: dict[int, int]) -> dict[str, Any]:
    """Start a worker and wait until all its tables hold everything up to `last` (stream sequence by partition)."""
    await asyncio.to_thread(behind.start)
    first: tuple[int, float, float] | None = None
    async with asyncio.timeout(CATCH_UP_BUDGET_S):
        while True:
            # The page costs the worker time; a tenth of a second is little against the whole.
            await asyncio.sleep(0.1)
            try:
                status = await asyncio.to_thread(behind.page, "/status")
            except (OSError, ValueError):
                continue
            now = time.perf_counter(), _cpu_seconds(behind.process.pid)
            records = sum(lane["records"] for lane in status["lanes"])
            if records and first is None:
                first = (records, *now)
            positions = status["positions"]
            if first and all(positions.get(str(partition), 0) >= sequence for partition, sequence in last.items()):
                break
    events = records - first[0]
    return {
        "events": events,
        "events_per_second": round(events / (now[0] - first[1])),
        "cpu_us_per_event": round((now[1] - first[2]) / events * 1e6, 1),
    }


async def settled(running: Worker) -> None:
    """Wait until a worker has no events left to carry or to fold."""
    done, quiet = -1, 0
    async with asyncio.timeout(CATCH_UP_BUDGET_S):
        while quiet < QUIET_LOOKS:
            await asyncio.sleep(0.5)
            try:
                lanes = (await asyncio.to_thread(running.page, "/status"))["lanes"]
            except (OSError, ValueError):
                # A worker that is that busy has not settled.
                continue
            records = sum(lane["records"] for lane in lanes if lane["topic"] == topics.EVENTS)
            done, quiet = records, quiet + 1 if records == done else 0


async def fill_events(client: PersonClient, events: int) -> dict[int, int]:
    """Append events while no worker runs."""
    return await fill(client.nc, events, PARTITIONS)


async def append_maximum(client: PersonClient, events: int) -> float:
    """Events per second that JetStream acknowledges, each synced to the disk, with many appends at once."""
    population = Population()
    free = asyncio.Semaphore(APPENDS_AT_ONCE)

    async def one() -> None:
        _, message = population.next_event()
        try:
            await client.nc.request(message.subject, message.data, timeout=30)
        finally:
            free.release()

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(events):
            await free.acquire()
            group.create_task(one())
    return events / (time.perf_counter() - started)


async def open_loop(client: PersonClient, running: NotingWorker, rate: float, seconds: float) -> dict[str, Any]:
    """Append at a fixed rate; the worker notes when each event was visible, and some are asked for by a reader."""
    population = Population()
    total = int(rate * seconds)
    read_every = max(1, round(rate / READS_PER_SECOND))
    appended: list[Appended] = []
    read: list[tuple[int, int]] = []
    late = array("q")
    running_tasks: set[asyncio.Task[None]] = set()
    events = [population.next_event() for _ in range(total)]
    gc.collect()
    gc.freeze()
    cpu = _cpu_seconds(running.process.pid)
    start = time.time_ns() + 500_000_000
    interval = 1e9 / rate

    async def one(number: int, due: int) -> None:
        person_id, message = events[number]
        reply = await client.nc.request(
            message.subject, message.data, headers={"Nats-Msg-Id": message.message_id}, timeout=30
        )
        acknowledged = time.time_ns()
        sequence = json.loads(reply.data)["seq"]
        appended.append(Appended(number, due, acknowledged, sequence))
        if number % read_every == 0:
            position = {"partition": partition_of(person_id, PARTITIONS), "stream_sequence": sequence}
            request = {"person_id": person_id, "include": ["summary"], "min_position": position}
            await client.query("get_by_id", request, timeout_ms=10_000)
            read.append((number, time.time_ns() - due))

    for number in range(total):
        due = start + int(number * interval)
        delay = due - time.time_ns()
        if delay > 0:
            await asyncio.sleep(delay / 1e9)
        late.append(max(0, time.time_ns() - due))
        task = asyncio.create_task(one(number, due))
        running_tasks.add(task)
        task.add_done_callback(running_tasks.discard)
    await asyncio.gather(*running_tasks)
    stamps = await _stamps(running, {one.stream_sequence for one in appended})
    used = _cpu_seconds(running.process.pid) - cpu
    gc.unfreeze()
    first = int(total * WARM_UP_SHARE)
    measured = [one for one in appended if one.number >= first]
    seen = [one for one in measured if one.stream_sequence in stamps]
    lateness = in_milliseconds(late[first:])
    return {
        "rate": rate,
        "seconds": seconds,
        "valid": lateness["p99"] <= MAX_LATE_P99_MS,
        "overloaded": len(seen) < len(measured),
        "generator_late": lateness,
        "cpu_us_per_event": round(used / total * 1e6, 1),
        "append": in_milliseconds([one.acknowledged - one.due for one in measured]),
        # With events folded ahead, Kafka acknowledges the event and its effects together.
        "append_to_kafka": in_milliseconds([stamps[one.stream_sequence][0] - one.acknowledged for one in seen]),
        "kafka_to_visible": in_milliseconds(
            [stamps[one.stream_sequence][1] - stamps[one.stream_sequence][0] for one in seen]
        ),
        "append_to_visible": in_milliseconds([stamps[one.stream_sequence][1] - one.acknowledged for one in seen]),
        "visible": in_milliseconds([stamps[one.stream_sequence][1] - one.due for one in seen]),
        "read": in_milliseconds([taken for number, taken in read if number >= first]),
    }


async def _stamps(running: NotingWorker, awaited: set[int]) -> dict[int, tuple[int, int]]:
    """The worker's notes by stream sequence; waits until all awaited are there or the budget is over."""
    deadline = time.monotonic() + DRAIN_BUDGET_S
    while True:
        await asyncio.sleep(0.3)
        notes = array("q")
        content = (running.data / "stamps").read_bytes()
        notes.frombytes(content[: len(content) // 24 * 24])
        found = {
            sequence: (acknowledged, visible)
            for sequence, acknowledged, visible in zip(notes[::3], notes[1::3], notes[2::3], strict=True)
        }
        if awaited <= found.keys() or time.monotonic() > deadline:
            return found


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
