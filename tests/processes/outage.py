"""All workers are dead for longer than a time limit: each timer that became due meanwhile fires exactly once when they are back."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.timers import due_subject
from bridge import read
from config.streams import TIMERS
from domain.sagas.saga_events import SagaEvent
from ops.client import CommandMessage, PersonClient
from tests.processes.cases import Case
from tests.processes.installation import Installation
from tests.processes.truth import Processes

PATIENCE_S = 90.0
LONGER_S = 1.0


@dataclass
class Outage:
    """What was found. `fired_once`: sagas whose time limit was told exactly once."""

    sagas: int
    due_while_down: int = 0
    fired_once: int = 0
    seconds_down: float = 0.0
    violations: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """For the report."""
        return {
            "sagas": self.sagas,
            "due_while_down": self.due_while_down,
            "fired_once": self.fired_once,
            "seconds_down": round(self.seconds_down, 1),
        }


async def outage(client: PersonClient, running: Installation, found: Processes, *, sagas: int, seed: int) -> Outage:
    """Begin onboardings that nobody answers, kill all workers until every time limit is over, and see what happens then."""
    running.neighbours.stop()
    draws = random.Random(f"outage {seed}")
    ids = [str(uuid.UUID(int=draws.getrandbits(128), version=4)) for _ in range(sagas)]
    cases = [Case("onboarding", person_id, person_id, 0.0, "stays_away") for person_id in ids]
    for case in cases:
        data = {"name": {"given_names": ["Trial"]}, "source": "trial", "onboarding": True}
        await client.send(CommandMessage("person.commands.create", data, case.person_id), timeout_s=60)
    await _until(found, client, cases, lambda saga: saga.deadline is not None)
    result = Outage(sagas)
    # The timers are set once the effects are acknowledged, a moment after the saga events are stored.
    await asyncio.sleep(LONGER_S)
    last = max(saga.deadline for case in cases if (saga := found.sagas[case.saga_id]).deadline is not None)
    begun = time.monotonic()
    await running.outage((last - datetime.now(UTC)).total_seconds() + LONGER_S)
    result.seconds_down = time.monotonic() - begun
    for case in cases:
        message = await read.last_message(client.nc, TIMERS, due_subject(case.person_id, case.saga_id))
        result.due_while_down += message is not None
    await _until(found, client, cases, lambda saga: saga.is_ended)
    for case in cases:
        told = _timeouts(found.history[case.saga_id])
        result.fired_once += len(told) == 1
        if len(told) != 1 or found.sagas[case.saga_id].status != "Compensated":
            result.violations.append(
                f"outage: {case.saga_id} is {found.sagas[case.saga_id].status}, timed out {len(told)} times"
            )
    return result


async def _until(found: Processes, client: PersonClient, cases: Sequence[Case], holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await found.read_sagas(client.nc)
            known = [found.sagas.get(case.saga_id) for case in cases]
            if all(saga is not None and holds(saga) for saga in known):
                return
            await asyncio.sleep(0.1)


def _timeouts(events: Sequence[SagaEvent]) -> list[SagaEvent]:
    return [event for event in events if getattr(event.data, "cause", None) == "timeout"]
