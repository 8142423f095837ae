"""`python -m benchmarks.rebalance`: how long each partition is without service when workers join, leave, restart and are killed.

A chain of commands runs in every partition all the time, each sent when the one before has its outcome. The time without service of
a partition is the longest of its commands during a change. At the end every accepted command must have had its effect once."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop

from config.settings import Settings
from domain.partitions import partition_of
from local.stack import Endpoints, Stack
from ops.client import CommandMessage, PersonClient
from ops.up import stop_team
from ops.verification import Verification, read_all, verify
from ops.workers import Worker

PAUSE_S = 0.02
TIMEOUT_S = 60.0
END_BUDGET_S = 30.0
"""More than a worker gives itself."""
PARTITIONS = Settings().partitions


@dataclass(frozen=True)
class Change:
    """One change of the team: seconds without service, the longest of each partition."""

    name: str
    seconds: list[float]

    @property
    def worst_s(self) -> float:
        """The partition that waited longest."""
        return max(self.seconds)


class Load:
    """One chain of commands per partition, until it is stopped."""

    def __init__(self, client: PersonClient) -> None:
        self._client = client
        self._chains: list[asyncio.Task[None]] = []
        self._stopping = False
        self.longest = [0.0] * PARTITIONS
        self.outcomes: list[dict[str, Any]] = []

    async def start(self) -> None:
        """Create one person per partition and begin their chains."""
        persons: dict[int, str] = {}
        while len(persons) < PARTITIONS:
            create = CommandMessage("person.commands.create", {"name": {"given_names": ["Load"]}, "source": "test"})
            created = await self._client.send(create, timeout_s=TIMEOUT_S)
            self.outcomes.append(created)
            persons.setdefault(partition_of(created["person_id"], PARTITIONS), created["person_id"])
        self._chains = [asyncio.create_task(self._live(*one)) for one in persons.items()]

    async def stop(self) -> None:
        """End the chains after the commands that are under way."""
        self._stopping = True
        await asyncio.gather(*self._chains)

    async def during(self, name: str, change: Callable[[], Awaitable[None]]) -> Change:
        """The time without service while the team changes, and until every partition has answered behind the change."""
        self.longest = [0.0] * PARTITIONS
        await change()
        done = len(self.outcomes)
        while len(self.outcomes) < done + 2 * PARTITIONS:  # noqa: ASYNC110  # the chains go on meanwhile
            await asyncio.sleep(PAUSE_S)
        return Change(name, [round(seconds, 3) for seconds in self.longest])

    async def _live(self, partition: int, person_id: str) -> None:
        verbs = ("suspend", "reactivate")
        number = 0
        while not self._stopping:
            command = CommandMessage(f"person.commands.lifecycle.{verbs[number % 2]}", {"reason": "test"}, person_id)
            sent = time.monotonic()
            self.outcomes.append(await self._client.send(command, timeout_s=TIMEOUT_S))
            self.longest[partition] = max(self.longest[partition], time.monotonic() - sent)
            number += 1
            await asyncio.sleep(PAUSE_S)


class Team:
    """Workers that share all partitions."""

    def __init__(self, servers: Endpoints, folder: Path, settings: dict[str, str] | None = None) -> None:
        self._servers = servers
        self._folder = folder
        self._settings = settings
        self.workers: list[Worker] = []
        self.exit_codes: list[int] = []
        """Of workers that were asked to end; -9 of one that had to be killed."""

    async def join(self) -> None:
        """One more worker, until it has its share."""
        name = f"worker-{len(self.workers) + 1}"
        worker = Worker(
            name,
            nats_url=self._servers.nats_url,
            kafka_bootstrap=self._servers.kafka_bootstrap,
            data=self._folder / name,
            logs=self._folder / "logs",
            settings=self._settings,
        )
        self.workers.append(worker)
        await self._start(worker)

    async def leave(self) -> None:
        """The last worker ends in order."""
        await self._end(self.workers.pop())
        await self._shared()

    async def restart_one(self) -> None:
        """The first worker ends in order and starts again on its folder, as an upgrade does."""
        await self._restart(self.workers[0])

    async def restart_each(self) -> None:
        """Every worker in turn, as a new release does."""
        for worker in self.workers:
            await self._restart(worker)

    async def kill(self) -> None:
        """The last worker is killed; the others take over; it comes back."""
        worker = self.workers[-1]
        worker.process.kill()
        await self._shared(self.workers[:-1])
        await self._start(worker)

    def stop(self) -> None:
        """End all."""
        stop_team(self.workers)

    async def _restart(self, worker: Worker) -> None:
        await self._end(worker)
        await self._start(worker)

    async def _end(self, worker: Worker) -> None:
        worker.ask_to_end()
        await asyncio.to_thread(worker.await_end, END_BUDGET_S)
        code = worker.process.returncode
        assert code is not None
        self.exit_codes.append(code)

    async def _start(self, worker: Worker) -> None:
        worker.start()
        await asyncio.to_thread(worker.await_ready)
        await self._shared()

    async def _shared(self, workers: Sequence[Worker] | None = None) -> None:
        team = self.workers if workers is None else workers
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            owned = await asyncio.gather(*(asyncio.to_thread(_partitions, worker) for worker in team))
            if all(owned) and sorted(partition for one in owned for partition in one) == list(range(PARTITIONS)):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"the partitions are not shared: {owned}")
            await asyncio.sleep(0.1)


@dataclass(frozen=True)
class Rebalanced:
    """What a run found. `twice` counts effects beyond one per accepted command, `missing` accepted commands without one."""

    changes: list[Change]
    commands: int
    missing: int
    twice: int
    verification: Verification


async def measure(servers: Endpoints, folder: Path, *, changes: Sequence[str]) -> Rebalanced:
    """Run the named changes (join, leave, rolling, kill) under load and verify every effect."""
    team = Team(servers, folder)
    actions = {"join": team.join, "leave": team.leave, "rolling": team.restart_each, "kill": team.kill}
    try:
        await team.join()
        await team.join()
        async with PersonClient(servers.nats_url) as client:
            load = Load(client)
            await load.start()
            seen = [await load.during(name, actions[name]) for name in changes]
            await load.stop()
            verification = await verify(client)
            effects = [event.causationid for _, _, event in await read_all(client.nc)]
    finally:
        team.stop()
    accepted = {one["command_id"] for one in load.outcomes if one["status"] == "accepted"}
    missing = len(load.outcomes) - len(accepted) + len(accepted - set(effects))
    return Rebalanced(seen, len(load.outcomes), missing, len(effects) - len(set(effects)), verification)


def _partitions(worker: Worker) -> list[int]:
    try:
        found: list[int] = worker.page("/status")["partitions"]
    except (OSError, ValueError):
        return []
    return found


def main() -> None:
    """Measure on servers of its own and write build/rebalance.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/rebalance"))
    parser.add_argument("--report", type=Path, default=Path("build/rebalance.json"))
    options = parser.parse_args()
    shutil.rmtree(options.data, ignore_errors=True)
    with Stack(options.data / "stack") as stack:
        found = uvloop.run(
            measure(stack.endpoints, options.data, changes=("join", "leave", "rolling", "kill", "join", "kill"))
        )
    for change in found.changes:
        median = statistics.median(change.seconds)
        print(f"{change.name:8} without service: median partition {median:.2f} s, worst {change.worst_s:.2f} s")
    print(f"{found.commands} commands, {found.missing} without effect, {found.twice} twice, {found.verification}")
    options.report.write_text(json.dumps(asdict(found), indent=1, default=str))


if __name__ == "__main__":
    main()
