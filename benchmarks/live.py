"""How fast live subscriptions are: the snapshot, and the way from an accepted command to the reader.

    python -m benchmarks.live [--persons 2000] [--readers 10] [--rate 100] [--seconds 20]

Real servers and two workers. Names are changed at fixed times (open loop); the latency of a change is counted from its outcome to the message that tells
of it, for every reader. At the end every reader must hold the last name of every person."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.machine import facts, load
from benchmarks.percentiles import in_milliseconds
from local.stack import Stack
from ops.client import CommandMessage, PersonClient
from ops.up import start_team, stop_team
from ops.watching import Watch

AT_ONCE = 64
BEHIND_S = 30.0


class Reader:
    """One subscriber: when it was told of each version of each person."""

    def __init__(self, client: PersonClient) -> None:
        self.watch = Watch(client, "summary", window=64)
        self.told: dict[tuple[str, int], int] = {}
        self.level_ns = 0
        self.level = asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled."""
        async for message in self.watch.messages():
            now = time.perf_counter_ns()
            if message["op"] == "caught_up":
                self.level_ns = now
                self.level.set()
            elif "row" in message:
                self.told[message["person_id"], message["sequence"]] = now


async def created(client: PersonClient, persons: int) -> dict[str, int]:
    """The version of each new person."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one() -> tuple[str, int]:
        async with free:
            data = {"name": {"given_names": ["Live"]}, "source": "benchmark"}
            outcome = await client.send(CommandMessage("person.commands.create", data), timeout_s=60)
            return outcome["person_id"], outcome["version"]

    return dict(await asyncio.gather(*(one() for _ in range(persons))))


async def changed(
    client: PersonClient, versions: dict[str, int], rate: float, seconds: float
) -> dict[tuple[str, int], int]:
    """When the outcome of each change came, by person and version."""
    accepted: dict[tuple[str, int], int] = {}
    persons = list(versions)
    begin = time.perf_counter()

    async def one(person_id: str, name: str) -> None:
        message = CommandMessage("person.commands.update", {"name": {"given_names": [name]}}, person_id)
        outcome = await client.send(message, timeout_s=60)
        if outcome["status"] == "accepted":
            accepted[person_id, outcome["version"]] = time.perf_counter_ns()

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            group.create_task(one(random.choice(persons), "x" * (1 + number % 99)))
    return accepted


async def measured(nats_url: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of one run."""
    async with PersonClient(nats_url) as client, PersonClient(nats_url) as listening:
        versions = await created(client, arguments.persons)
        readers = [Reader(listening) for _ in range(arguments.readers)]
        begun = time.perf_counter_ns()
        tasks = [asyncio.create_task(reader.run()) for reader in readers]
        await asyncio.gather(*(reader.level.wait() for reader in readers))
        snapshot_s = (max(reader.level_ns for reader in readers) - begun) / 1e9
        accepted = await changed(client, versions, arguments.rate, arguments.seconds)
        last = {person_id: max(version for of, version in accepted if of == person_id) for person_id, _ in accepted}
        until = time.monotonic() + BEHIND_S
        while not all(reader.told.keys() >= last.items() for reader in readers):
            assert time.monotonic() < until, "a reader was not told of a change"
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        latencies = [
            reader.told[change] - at for reader in readers for change, at in accepted.items() if change in reader.told
        ]
        return {
            "snapshot_rows_per_second": round(arguments.persons * arguments.readers / snapshot_s),
            "changes": len(accepted),
            "told_as_one_with_a_later_one": len(accepted) * len(readers) - len(latencies),
            "repetitions": sum(reader.watch.repetitions for reader in readers),
            "outcome_to_reader_ms": in_milliseconds(latencies),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=2000)
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder) / "stack") as running:
        team = start_team(running.endpoints, 2, Path(folder), {"PERSON_SHIPPED_POLICIES": "false"})
        try:
            figures = uvloop.run(measured(running.endpoints.nats_url, arguments))
        finally:
            stop_team(team)
    print(json.dumps({"asked": vars(arguments), "figures": figures, "machine": facts(), "load": load()}, indent=2))


if __name__ == "__main__":
    main()
