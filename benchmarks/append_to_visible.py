"""Measures the way of an event: appended to PERSON_EVENTS (fsynced) until a reader sees it in all three tables.

Open loop: event i is due at t0 + i / rate and latency counts from there (coordinated omission would hide stalls). A run whose
generator was late is void. Catch-up: the same events read by a worker that starts behind. Servers, worker and generator share the machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uuid_utils

from bridge.append import EntityAppend, EventMessage, append
from domain.ids import derive
from domain.partitions import partition_of
from domain.subjects import person_filter
from local.stack import Stack
from ops.client import PersonClient
from ops.up import start_team, stop_team
from ops.workers import Worker

PARTITIONS = 8
PERSONS = 400
SAMPLE_EVERY = 4
WARM_UP_SHARE = 0.25
MAX_GENERATOR_LATENESS_MS = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class OpenLoop:
    """One open-loop run; milliseconds from due time, warm-up discarded."""

    rate: int
    seconds: float
    samples: int
    ack_p50: float
    ack_p95: float
    visible_p50: float
    visible_p95: float
    visible_p99: float
    visible_max: float
    generator_late_p99: float
    valid: bool
    cpu_us_per_event: float


@dataclass
class CatchUp:
    """One catch-up run of a worker that starts behind."""

    events: int
    seconds: float
    events_per_second: float
    cpu_us_per_event: float


class Population:
    """Persons whose next event is known; events are built as the writer builds them."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._ids = [str(uuid_utils.uuid7()) for _ in range(PERSONS)]
        self._sequence = dict.fromkeys(self._ids, 0)

    def next_event(self) -> tuple[str, EventMessage]:
        """The next event of some person: created first, then suspended and reactivated in turn."""
        person_id = self._random.choice(self._ids)
        sequence = self._sequence[person_id] = self._sequence[person_id] + 1
        name: dict[str, Any] = {
            "given_names": ["Bench"],
            "family_names": [f"P{sequence}"],
            "naming_convention": "Western",
        }
        kind, version, context, data = (
            ("created", 3, "lifecycle.created", {"name": name, "source": "bench", "onboarding": False})
            if sequence == 1
            else ("suspended", 2, "lifecycle.suspended", {"reason": "bench"})
            if sequence % 2 == 0
            else ("activated", 2, "lifecycle.activated", {"reason": "bench"})
        )
        command_id = str(uuid.uuid4())
        event_id = derive(command_id, "0")
        body = {
            "actor": "job:bench",
            "causationdepth": 0,
            "causationid": command_id,
            "correlationid": command_id,
            "data": data,
            "datacontenttype": "application/json",
            "dataversion": version,
            "id": event_id,
            "sequence": sequence,
            "source": "/person",
            "specversion": "1.0",
            "subject": person_id,
            "time": "2026-11-23T00:00:00Z",
            "type": f"person.{kind}",
        }
        payload = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        return person_id, EventMessage(f"person.events.{context}.{person_id}", payload, event_id)


async def open_loop(client: PersonClient, worker: Worker, rate: int, seconds: float) -> OpenLoop:
    """Append at a fixed rate; every few events a reader asks for the event's position."""
    population = Population()
    total = int(rate * seconds)
    acks: list[tuple[int, float]] = []
    visible: list[tuple[int, float]] = []
    late: list[float] = []
    running: set[asyncio.Task[None]] = set()
    cpu = _cpu_seconds(worker.process.pid)
    start = time.perf_counter() + 0.5

    async def one(number: int, due: float, person_id: str, message: EventMessage) -> None:
        reply = await client.nc.request(
            message.subject, message.data, headers={"Nats-Msg-Id": message.message_id}, timeout=10
        )
        acks.append((number, time.perf_counter() - due))
        if number % SAMPLE_EVERY == 0:
            position = {
                "partition": partition_of(person_id, PARTITIONS),
                "stream_sequence": json.loads(reply.data)["seq"],
            }
            request = {"person_id": person_id, "include": ["summary"], "min_position": position}
            await client.query("get_by_id", request, timeout_ms=10_000)
            visible.append((number, time.perf_counter() - due))

    for number in range(total):
        due = start + number / rate
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        late.append(time.perf_counter() - due)
        task = asyncio.create_task(one(number, due, *population.next_event()))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    used = _cpu_seconds(worker.process.pid) - cpu
    first = int(total * WARM_UP_SHARE)
    ack = sorted(taken for number, taken in acks if number >= first)
    seen = sorted(taken for number, taken in visible if number >= first)
    lateness = _percentile(sorted(late[first:]), 0.99)
    return OpenLoop(
        rate=rate,
        seconds=seconds,
        samples=len(seen),
        ack_p50=_percentile(ack, 0.5),
        ack_p95=_percentile(ack, 0.95),
        visible_p50=_percentile(seen, 0.5),
        visible_p95=_percentile(seen, 0.95),
        visible_p99=_percentile(seen, 0.99),
        visible_max=_percentile(seen, 1.0),
        generator_late_p99=lateness,
        valid=lateness <= MAX_GENERATOR_LATENESS_MS,
        cpu_us_per_event=round(used / total * 1e6, 1),
    )


async def fill(client: PersonClient, events: int) -> dict[int, int]:
    """Append events in atomic batches; returns the last stream sequence per partition."""
    population = Population()
    last: dict[int, int] = {}
    expected: dict[str, int] = {}
    for _ in range(0, events, 500):
        by_person: dict[str, list[EventMessage]] = {}
        for _ in range(500):
            person_id, message = population.next_event()
            by_person.setdefault(person_id, []).append(message)
        entities = [
            EntityAppend(person_filter(person_id), expected.get(person_id, 0), messages)
            for person_id, messages in by_person.items()
        ]
        for person_id, sequence in zip(by_person, await append(client.nc, entities), strict=True):
            expected[person_id] = sequence
            partition = partition_of(person_id, PARTITIONS)
            last[partition] = max(last.get(partition, 0), sequence)
    return last


async def catch_up(client: PersonClient, worker: Worker, events: int) -> CatchUp:
    """Fill the stream, then start the worker again and wait until it has applied everything."""
    last = await fill(client, events)
    worker.start()
    await asyncio.to_thread(worker.await_ready)
    started, cpu = time.perf_counter(), _cpu_seconds(worker.process.pid)

    def reached() -> bool:
        found = worker.page("/status")["positions"]
        return isinstance(found, dict) and all(found.get(str(p), 0) >= sequence for p, sequence in last.items())

    before = sum(int(lane["records"]) for lane in worker.page("/status")["lanes"])
    await asyncio.to_thread(_wait_for, reached, 300)
    seconds = time.perf_counter() - started
    done = sum(int(lane["records"]) for lane in worker.page("/status")["lanes"]) - before
    used = _cpu_seconds(worker.process.pid) - cpu
    return CatchUp(done, round(seconds, 2), round(done / seconds), round(used / max(done, 1) * 1e6, 1))


async def _measure(nats_url: str, worker: Worker, rates: list[int], seconds: float, events: int) -> dict[str, Any]:
    results: dict[str, Any] = {"open_loop": []}
    async with PersonClient(nats_url) as client:
        for rate in rates:
            run = await open_loop(client, worker, rate, seconds)
            results["open_loop"].append(asdict(run))
            _say(
                f"{rate:>6} ev/s  append p50 {run.ack_p50:6.2f} p95 {run.ack_p95:6.2f} ms   visible p50 {run.visible_p50:6.2f} "
                f"p95 {run.visible_p95:6.2f} p99 {run.visible_p99:6.2f} max {run.visible_max:7.2f} ms   "
                f"{run.cpu_us_per_event:6.1f} us CPU/event   {'' if run.valid else 'VOID: the generator was late '}"
                f"(late p99 {run.generator_late_p99:.2f} ms, {run.samples} samples)"
            )
            await asyncio.sleep(1)
        if events:
            await asyncio.to_thread(worker.process.stop)
            caught = await catch_up(client, worker, events)
            results["catch_up"] = asdict(caught)
            _say(
                f"catch-up: {caught.events} events in {caught.seconds} s = {caught.events_per_second} ev/s, "
                f"{caught.cpu_us_per_event} us CPU/event (JetStream to Kafka to three tables)"
            )
    return results


def main() -> int:
    """Run all measurements; exit code 1 when a run was void."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rates", type=int, nargs="+", default=[300, 500, 1000])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--catch-up", type=int, default=50_000, help="events; 0 leaves it out")
    parser.add_argument("--data", type=Path, default=Path("build/bench"))
    parser.add_argument("--report", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    shutil.rmtree(options.data, ignore_errors=True)
    team: list[Worker] = []
    with Stack(options.data / "stack", progress=_say) as stack:
        try:
            team = start_team(stack.endpoints, 1, options.data)
            results = asyncio.run(
                _measure(stack.endpoints.nats_url, team[0], options.rates, options.seconds, options.catch_up)
            )
        finally:
            stop_team(team)
    report = options.report
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(results, indent=2) + "\n")
    _say(f"written to {report}")
    return 0 if all(run["valid"] for run in results["open_loop"]) else 1


def _wait_for(condition: Callable[[], bool], budget_s: float) -> None:
    deadline = time.monotonic() + budget_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker did not catch up in time")
        time.sleep(0.05)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _percentile(ordered: list[float], share: float) -> float:
    """Milliseconds at a share of an ordered list of seconds."""
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 2)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
