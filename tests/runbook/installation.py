"""An installation that gets into trouble: servers, two workers, neighbours that come later, and a real Prometheus that looks at them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.neighbours.process import Neighbours
from local.stack import Stack
from ops.up import start_neighbours, stop_team
from ops.workers import Worker
from tests.monitoring.real_prometheus import RealPrometheus

ROOT = Path(__file__).parents[2]
SEEN_WITHIN_S = 150.0
LOOK_EVERY_S = 0.5
TYPED_WITHIN_S = 120.0


class RunbookError(Exception):
    """A page does not lead where it says, or an alert does not come or go."""


class SwappedWorker(Worker):
    """A worker that may run another release from its next start on."""

    def runs(self, module: str) -> None:
        """Set what it runs."""
        self.module = module


class Installation:
    """What incidents happen to."""

    def __init__(
        self, stack: Stack, team: Sequence[SwappedWorker], prometheus: RealPrometheus, data: Path, routes: Path
    ) -> None:
        self.stack = stack
        self.team = team
        self._prometheus = prometheus
        self._data = data
        self._environment = {
            **os.environ,
            "PERSON_NATS_URL": stack.endpoints.nats_url,
            "PERSON_KAFKA_BOOTSTRAP": stack.endpoints.kafka_bootstrap,
            "PERSON_ROUTES_FILE": str(routes),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "200",
        }
        self._neighbours: Neighbours | None = None

    async def until(self, alerts: Sequence[str], *, there: bool) -> float:
        """Wait until each of some alerts is pending or fires, or none of them; gives the seconds that it took."""
        began = time.monotonic()
        while True:
            active = {one["labels"]["alertname"] for one in await asyncio.to_thread(self._prometheus.alerts)}
            left = [one for one in alerts if (one in active) != there]
            took = time.monotonic() - began
            if not left:
                return round(took, 1)
            if took > SEEN_WITHIN_S:
                raise RunbookError(f"{', '.join(left)}: {'did not come' if there else 'did not go'}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def type(self, command: str) -> tuple[int, str]:
        """Run a command of a page as an operator does, who says yes when asked; gives exit code and what was printed."""
        return await asyncio.to_thread(self._type, command)

    def _type(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._data,
            env=self._environment,
            input="y\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TYPED_WITHIN_S,
        )
        return done.returncode, done.stdout

    async def restart(self, module: str) -> None:
        """Stop all workers, and let them run a release."""
        await asyncio.to_thread(stop_team, list(self.team))
        for worker in self.team:
            worker.runs(module)
            worker.start()
        for worker in self.team:
            await asyncio.to_thread(worker.await_ready)

    async def start_neighbours(self) -> None:
        """Let the other domains answer, from now on."""
        if self._neighbours is not None:
            return
        self._neighbours = await asyncio.to_thread(start_neighbours, self.stack.endpoints.nats_url, self._data)

    def end(self) -> None:
        """End what was started meanwhile."""
        stop_team(list(self.team))
        if self._neighbours is not None:
            self._neighbours.stop()
