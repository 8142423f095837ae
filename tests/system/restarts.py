"""Kills, stops and starts the workers of an installation at random moments; whatever it ends is running again at the end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from ops.workers import Worker

PAUSE_S = (0.5, 6.0)
AWAY_S = (0.0, 3.0)


class Restarts:
    """What was done when; `stop` heals."""

    def __init__(self, team: Sequence[Worker], chance: random.Random) -> None:
        self._team = team
        self._chance = chance
        self._begun = time.monotonic()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.happened: list[str] = []

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._restart_again_and_again())

    async def stop(self) -> None:
        """End with all workers running; raises what went wrong."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def one(self, worker: Worker, *, kill: bool, away_s: float) -> None:
        """One worker ends, by SIGKILL or by SIGTERM, and is ready again."""
        await asyncio.to_thread(self._end, worker, kill)
        await asyncio.sleep(away_s)
        worker.start()
        await asyncio.to_thread(worker.await_ready)
        self._note(f"{worker.name} is ready")

    async def _restart_again_and_again(self) -> None:
        while not await self._is_stopping(self._chance.uniform(*PAUSE_S)):
            victims = self._team if self._chance.random() < 0.2 else [self._chance.choice(self._team)]
            plans = [(self._chance.random() < 0.6, self._chance.uniform(*AWAY_S)) for _ in victims]
            async with asyncio.TaskGroup() as group:
                for worker, (kill, away_s) in zip(victims, plans, strict=True):
                    group.create_task(self.one(worker, kill=kill, away_s=away_s))

    async def _is_stopping(self, after_s: float) -> bool:
        try:
            async with asyncio.timeout(after_s):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    def _end(self, worker: Worker, kill: bool) -> None:
        self._note(f"{worker.name} gets {'SIGKILL' if kill else 'SIGTERM'}")
        if kill:
            worker.process.kill()
        else:
            worker.ask_to_end()
            worker.await_end()

    def _note(self, text: str) -> None:
        self.happened.append(f"{time.monotonic() - self._begun:6.2f} s {text}")
