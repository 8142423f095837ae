"""Real servers, two workers and five neighbours of a run; a worker is killed every few seconds and started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.neighbours.process import Neighbours
from local.stack import Stack
from ops.up import start_team
from ops.workers import Worker
from tests.short_lived import kill_team, short_lived

DEAD_FOR_S = 2.0
LIMITS = {
    "onboarding/IdentityStep": 1.5,
    "onboarding/LocationStep": 1.5,
    "onboarding/BasicInfoStep": 3.0,
    "onboarding/ComponentsStep": 3.0,
    "cross_domain_sync/identity": 0.5,
    "cross_domain_sync/location": 0.5,
    "cross_domain_sync/employment": 0.5,
    "cross_domain_sync/identity/undo": 0.5,
    "cross_domain_sync/location/undo": 0.5,
    "cross_domain_sync/employment/undo": 0.5,
    "erasure/forget_domains": 0.5,
    **{f"merge/reassign_{domain}": 0.5 for domain in ("identity", "organization", "location", "git", "agent")},
    **{f"archival/release_{domain}": 0.5 for domain in ("identity", "organization", "location", "git", "agent")},
}
"""Time limits of steps in units of the run; those that are not named keep the limits of their definition."""


def limits(unit_s: float) -> str:
    """The setting that shortens the limits."""
    return ",".join(f"{name}={factor * unit_s:g}" for name, factor in LIMITS.items())


class Installation:
    """What runs. `kills` are moments, in seconds since the start of the killing."""

    def __init__(self, nats_url: str, team: list[Worker], neighbours: Neighbours) -> None:
        self.nats_url = nats_url
        self.team = team
        self.neighbours = neighbours
        self.kills: list[float] = []

    async def kill_every(self, seconds: float, say: Callable[[str], None]) -> None:
        """Kill the workers in turn, each with SIGKILL, until cancelled; each is started again after two seconds.

        A kill waits until both workers serve: on a machine that is too slow for the pace, nobody would ever serve.
        """
        begun = time.monotonic()
        while True:
            await asyncio.sleep(seconds - DEAD_FOR_S if self.kills else seconds)
            await self.ready()
            worker = self.team[len(self.kills) % len(self.team)]
            worker.process.kill()
            self.kills.append(round(time.monotonic() - begun, 1))
            say(f"killed {worker.name} (SIGKILL)")
            await asyncio.sleep(DEAD_FOR_S)
            worker.start()

    async def outage(self, seconds: float) -> None:
        """Kill all workers at once and start them again after a while; returns when all are ready."""
        for worker in self.team:
            worker.process.kill()
        await asyncio.sleep(seconds)
        for worker in self.team:
            worker.start()
        await self.ready()

    async def ready(self) -> None:
        """Wait until every worker serves; raises WorkerError."""
        for worker in self.team:
            if not worker.process.running:
                worker.start()
            await asyncio.to_thread(worker.await_ready)

    def check(self) -> list[str]:
        """Processes that ended by themselves, a line each."""
        lines = [] if self.neighbours.process.running else ["the neighbours ended"]
        for worker in self.team:
            if not worker.process.running and worker.process.returncode != -9:
                lines.append(f"{worker.name} ended: {worker.process.last_log_line}")
        return lines


@contextmanager
def installation(data: Path, *, unit_s: float, faults: Path, say: Callable[[str], None]) -> Iterator[Installation]:
    """Everything started on a data folder, and stopped at the end."""
    with short_lived(Stack(data / "stack")) as stack:
        found = stack.endpoints
        team: list[Worker] = []
        try:
            settings = {"PERSON_SAGA_TIMEOUTS": limits(unit_s), "PERSON_INACTIVITY_SWEEP": ""}
            team = start_team(found, 2, data, settings)
            with Neighbours(found.nats_url, log=data / "logs" / "neighbours.log", config=faults) as neighbours:
                say("servers, two workers and five neighbours are ready")
                yield Installation(found.nats_url, team, neighbours)
        finally:
            kill_team(team)
