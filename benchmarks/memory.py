"""Measures what one worker needs for many persons: memory, open files and disk, while it catches up, serves, decides and recovers.

A stream is filled with valid PersonCreated events, a worker folds them into all tables, then persons are read and changed at random, and
at last the worker recovers on an empty folder. Memory is that of the worker's process alone, sampled twice a second; the peak counts."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uuid_utils
from nats.aio.client import Client

from bridge.streams import ensure_stream
from config import streams
from config.settings import Settings
from domain.commands import read_command
from domain.decide import decide
from domain.events import read_event, write_event
from domain.ids import derive
from domain.partitions import partition_of
from domain.person import Person
from domain.subjects import event_subject
from local.stack import Stack
from ops.client import ClientError, CommandMessage, PersonClient, QueryFailed
from ops.workers import Worker

BOUND_BYTES = 1_500_000_000
BATCH = 1000
IN_FLIGHT = 64
SAMPLE_EVERY_S = 0.5
READ_EVERY = 997
"""One of so many events is read back by the domain, so that a wrong template does not go unnoticed."""
GIVEN = ("Ada", "Grace", "Edsger", "Barbara", "Katherine", "Dennis", "Radia", "Donald", "Frances", "Alan")
FAMILY = ("Lovelace", "Hopper", "Dijkstra", "Liskov", "Johnson", "Ritchie", "Perlman", "Knuth", "Allen", "Turing")
POSITION_BUDGET_S = 900.0


@dataclass
class Phase:
    """What a worker needed at most while it did one thing. Sizes in bytes."""

    name: str
    seconds: float = 0.0
    rate: float = 0.0
    rss: int = 0
    pss: int = 0
    anonymous: int = 0
    open_files: int = 0
    sst_files: int = 0
    disk: int = 0
    samples: int = 0
    errors: dict[str, int] = field(default_factory=dict)


class Population:
    """Persons with one PersonCreated event each, made by the domain once per name and then given ids of their own."""

    def __init__(self, count: int) -> None:
        self.ids = [str(uuid_utils.uuid7()) for _ in range(count)]
        self._templates = [_template(given, family) for given in GIVEN for family in FAMILY]

    def messages(self, first: int, count: int) -> Iterator[tuple[str, bytes]]:
        """Subject and bytes of some of the events, in the order of the persons."""
        for number in range(first, min(first + count, len(self.ids))):
            person_id = self.ids[number]
            command_id = str(uuid.UUID(int=number + 1))
            template = self._templates[number % len(self._templates)]
            ids = (person_id, command_id, derive(command_id, "0"))
            data = template.data
            for old, new in zip(template.ids, ids, strict=True):
                data = data.replace(old, new.encode())
            subject = template.subject + person_id
            if number % READ_EVERY == 0:
                read_event(data, subject=subject)
            yield subject, data


@dataclass
class Template:
    """An event of the domain, and the person, command and event id in it."""

    subject: str
    data: bytes
    ids: tuple[bytes, bytes, bytes]


def _template(given: str, family: str) -> Template:
    name = {"given_names": [given], "family_names": [family]}
    message = CommandMessage("person.commands.create", {"name": name, "source": "bench"}, str(uuid.uuid4())).with_id()
    command = read_command(json.dumps(message.envelope()).encode(), subject=message.type, stored_at=_utc_now())
    event = decide(command, Person.new(command.person_id))[0]
    subject = event_subject(event).removesuffix(event.person_id)
    return Template(
        subject, write_event(event), (event.person_id.encode(), event.causationid.encode(), event.id.encode())
    )


async def fill(nc: Client, population: Population) -> dict[int, int]:
    """Append all events in atomic batches; returns the last stream sequence of each partition."""
    last: dict[int, int] = {}
    for first in range(0, len(population.ids), BATCH):
        batch = list(population.messages(first, BATCH))
        headers = {"Nats-Batch-Id": uuid.uuid4().hex, "Content-Type": "application/cloudevents+json"}
        for number, (subject, data) in enumerate(batch[:-1], 1):
            await nc.publish(subject, data, headers={**headers, "Nats-Batch-Sequence": str(number)})
        commit = {**headers, "Nats-Batch-Sequence": str(len(batch)), "Nats-Batch-Commit": "1"}
        answer = json.loads((await nc.request(*batch[-1], headers=commit, timeout=30)).data)
        if "error" in answer:
            raise RuntimeError(f"the stream refused a batch: {answer['error'].get('description')}")
        for offset, (subject, _) in enumerate(reversed(batch)):
            partition = partition_of(subject.rpartition(".")[2], PARTITIONS)
            last[partition] = max(last.get(partition, 0), answer["seq"] - offset)
    return last


class Sampler:
    """Looks at a worker's process and folder while something else goes on."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def during(self, name: str, work: Awaitable[float]) -> Phase:
        """Run a phase; `work` returns how many things it did."""
        phase = Phase(name)
        sampling = asyncio.create_task(self._sample(phase))
        started = time.perf_counter()
        try:
            done = await work
        finally:
            phase.seconds = round(time.perf_counter() - started, 1)
            self._look(phase)
            sampling.cancel()
        phase.rate = round(done / max(phase.seconds, 0.1), 1)
        print(_line(phase), flush=True)
        return phase

    async def _sample(self, phase: Phase) -> None:
        while True:
            self._look(phase)
            await asyncio.sleep(SAMPLE_EVERY_S)

    def _look(self, phase: Phase) -> None:
        process = Path("/proc") / str(self._worker.process.pid)
        # The process may be about to start or to end, and files come and go with every compaction.
        with suppress(OSError):
            for line in (process / "smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                for field_name, wanted in (("rss", "Rss"), ("pss", "Pss"), ("anonymous", "Anonymous")):
                    if name == wanted:
                        size = int(value.split()[0]) * 1024
                        setattr(phase, field_name, max(getattr(phase, field_name), size))
            phase.open_files = max(phase.open_files, len(list((process / "fd").iterdir())))
        sizes: list[int] = []
        sst_files = 0
        for path in self._worker.data.rglob("*"):
            with suppress(OSError):
                sizes.append(path.stat().st_blocks * 512)
                sst_files += path.suffix == ".sst"
        phase.disk = max(phase.disk, sum(sizes))
        phase.sst_files = max(phase.sst_files, sst_files)
        phase.samples += 1


async def read_at_random(client: PersonClient, population: Population, seconds: float, phase: dict[str, int]) -> float:
    """Query persons and timelines with bounded concurrency; returns how many were answered."""

    async def one(person_id: str) -> bool:
        endpoint = random.choice(("get_by_id", "get_timeline"))
        answer = await client.query(endpoint, {"person_id": person_id})
        return bool(answer["data"])

    return await _hammer(one, population, seconds, phase)


async def change_at_random(
    client: PersonClient, population: Population, seconds: float, phase: dict[str, int]
) -> float:
    """Suspend or reactivate persons by commands; returns how many were decided."""

    async def one(person_id: str) -> bool:
        verb = random.choice(("suspend", "reactivate"))
        command = CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "bench"}, person_id)
        return (await client.send(command, timeout_s=30))["status"] in ("accepted", "refused")

    return await _hammer(one, population, seconds, phase)


async def _hammer(
    one: Callable[[str], Awaitable[bool]], population: Population, seconds: float, errors: dict[str, int]
) -> float:
    deadline = time.perf_counter() + seconds
    done = 0

    async def repeat() -> None:
        nonlocal done
        while time.perf_counter() < deadline:
            try:
                answered = await one(random.choice(population.ids))
                done += answered
            except (QueryFailed, ClientError) as error:
                name = type(error).__name__
                errors[name] = errors.get(name, 0) + 1

    await asyncio.gather(*(repeat() for _ in range(IN_FLIGHT)))
    return done


async def _catch_up(worker: Worker, last: dict[int, int]) -> float:
    worker.start()
    deadline = time.monotonic() + POSITION_BUDGET_S
    while True:
        positions: dict[str, int] = {}
        with suppress(OSError, ValueError, KeyError):
            positions = await asyncio.to_thread(lambda: worker.page("/status")["positions"])
        if all(positions.get(str(partition), 0) >= sequence for partition, sequence in last.items()):
            return sum(1 for _ in last)
        if not worker.process.running or time.monotonic() > deadline:
            raise RuntimeError(f"the worker did not catch up: {worker.process.last_log_line}")
        await asyncio.sleep(0.2)


async def _recover(worker: Worker) -> float:
    worker.process.kill()
    shutil.rmtree(worker.data)
    worker.start()
    await asyncio.to_thread(worker.await_ready, POSITION_BUDGET_S)
    return 1.0


async def measure(
    folder: Path, persons: int, seconds: float, settings: dict[str, str], *, recovery: bool
) -> list[Phase]:
    """All phases on fresh servers below a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    with Stack(folder / "stack") as stack:
        worker = Worker(
            "worker",
            nats_url=stack.endpoints.nats_url,
            kafka_bootstrap=stack.endpoints.kafka_bootstrap,
            data=folder / "worker",
            logs=folder / "logs",
            settings=settings,
        )
        try:
            async with PersonClient(stack.endpoints.nats_url) as client:
                phases = await _until_changed(client, worker, persons, seconds)
                if recovery:
                    phases.append(await Sampler(worker).during("recover", _recover(worker)))
                return phases
        finally:
            if worker.started:
                worker.process.kill()


async def _until_changed(client: PersonClient, worker: Worker, persons: int, seconds: float) -> list[Phase]:
    for declared in streams.streams(PARTITIONS, 1):
        await ensure_stream(client.nc, declared)
    population = Population(persons)
    started = time.perf_counter()
    last = await fill(client.nc, population)
    taken = time.perf_counter() - started
    print(f"{'fill':12} {taken:6.1f} s  {persons / taken:9,.0f}/s", flush=True)
    sampler = Sampler(worker)

    async def catch_up() -> float:
        await _catch_up(worker, last)
        return persons

    phases = [await sampler.during("catch up", catch_up())]
    reading: dict[str, int] = {}
    phases.append(await sampler.during("read", read_at_random(client, population, seconds, reading)))
    phases[-1].errors = reading
    changing: dict[str, int] = {}
    phases.append(await sampler.during("change", change_at_random(client, population, seconds, changing)))
    phases[-1].errors = changing
    return phases


def _line(phase: Phase) -> str:
    return (
        f"{phase.name:12} {phase.seconds:6.1f} s  {phase.rate:9,.0f}/s  rss {phase.rss >> 20:5} MiB  pss {phase.pss >> 20:5} MiB  "
        f"files {phase.open_files:4}  sst {phase.sst_files:4}  disk {phase.disk >> 20:5} MiB"
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


PARTITIONS = Settings.model_fields["partitions"].default


def main() -> int:
    """Measure, print one line per phase, write the report; 1 when the worker needed more than the bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each of the random phases lasts")
    parser.add_argument("--without-recovery", action="store_true", help="leave out the recovery on an empty folder")
    parser.add_argument("--out", type=Path, default=Path("build/memory.json"))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the worker")
    options = parser.parse_args()
    settings = dict(one.split("=", 1) for one in options.set)
    folder = options.out.parent / "memory"
    phases = asyncio.run(
        measure(folder, options.persons, options.seconds, settings, recovery=not options.without_recovery)
    )
    peak = max(phase.rss for phase in phases)
    report: dict[str, Any] = {
        "persons": options.persons,
        "partitions": PARTITIONS,
        "bound_bytes": BOUND_BYTES,
        "peak_rss_bytes": peak,
        "within_bound": peak < BOUND_BYTES,
        "settings": settings,
        "phases": [asdict(phase) for phase in phases],
    }
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    shutil.rmtree(folder)
    print(f"peak {peak / 1e6:,.0f} MB of {BOUND_BYTES / 1e6:,.0f} MB; report in {options.out}")
    return 0 if peak < BOUND_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
