"""Commands at a steady rate over many persons, whatever the workers do; every outcome is kept with its latency.

Guarantee: a person gets its next command when the one before has its outcome, so that none of them may be refused."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.percentiles import percentile
from ops.client import CommandMessage, PersonClient

ANSWER_BUDGET_S = 90.0
VERBS = ("suspend", "reactivate")


@dataclass(frozen=True)
class Step:
    """What a client saw during one change: seconds from sending a command to its outcome."""

    name: str
    seconds: float
    commands: int
    p50_s: float
    p95_s: float
    longest_s: float


class SteadyLoad:
    """A load that begins with `start` and goes on until `stop`; `during` measures what runs meanwhile."""

    def __init__(self, client: PersonClient, *, persons: int, per_s: float) -> None:
        self._client = client
        self._per_s = per_s
        self._persons = persons
        self._free: deque[tuple[str, int]] = deque()
        self._waiting: set[asyncio.Task[None]] = set()
        self._latencies: list[tuple[float, float]] = []
        self._sender: asyncio.Task[None] | None = None
        self.outcomes: list[dict[str, Any]] = []

    async def start(self) -> None:
        """Create the persons and begin."""
        create = {"name": {"given_names": ["Rehearsal"]}, "source": "test"}
        created = await asyncio.gather(
            *(
                self._client.send(CommandMessage("person.commands.create", create), timeout_s=ANSWER_BUDGET_S)
                for _ in range(self._persons)
            )
        )
        self.outcomes += created
        self._free.extend((one["person_id"], 0) for one in created)
        self._sender = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """Send nothing more and wait for every outcome."""
        assert self._sender is not None
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
        await asyncio.gather(*self._waiting)

    async def during(self, name: str, change: Callable[[], Awaitable[None]], *, after_s: float) -> Step:
        """Measure the commands that are sent from now until `after_s` seconds behind the change."""
        begun = time.monotonic()
        await change()
        seconds = time.monotonic() - begun
        await asyncio.sleep(after_s)
        ended = time.monotonic()
        await asyncio.gather(*self._waiting)
        seen = sorted(latency for sent, latency in self._latencies if begun <= sent <= ended)
        return Step(
            name,
            round(seconds, 2),
            len(seen),
            *(round(value, 3) for value in (percentile(seen, 0.5), percentile(seen, 0.95), seen[-1])),
        )

    async def _send(self) -> None:
        begun = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, begun + number / self._per_s - time.monotonic()))
            if not self._free:
                # Everybody waits for an outcome: the longest pause is known from those who do.
                continue
            person_id, turn = self._free.popleft()
            task = asyncio.create_task(self._one(person_id, turn))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _one(self, person_id: str, turn: int) -> None:
        command = CommandMessage(f"person.commands.lifecycle.{VERBS[turn % 2]}", {"reason": "rehearsal"}, person_id)
        sent = time.monotonic()
        outcome = await self._client.send(command, timeout_s=ANSWER_BUDGET_S)
        self._latencies.append((sent, time.monotonic() - sent))
        self.outcomes.append(outcome)
        self._free.append((person_id, turn + 1))
