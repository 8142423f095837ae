"""The application, which dies once at each of some points between an effect and the next: as a kill at the worst moment does.

The folder `DYING_AT` has a file for each point at which this process has to die yet. Only this process is changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agents.command_intake
import agents.send_effects
from agents.fire_timers import FireTimers
from agents.saga_log import SagaLog
from lanes.agent import Batch
from tests.failure.points import AMONG_EFFECTS, APPENDED, DUE, SIGNALLED

POINTS = Path(os.environ["DYING_AT"])


def die(point: str) -> None:
    """End the process, once for each point."""
    try:
        (POINTS / point).unlink()
    except FileNotFoundError:
        return
    os._exit(9)


append: Callable[..., Any] = SagaLog._append
publish: Callable[..., Any] = vars(agents.send_effects)["publish_event"]
signal: Callable[..., Any] = vars(agents.command_intake)["signal_outcomes"]
fire: Callable[..., Any] = FireTimers.process


async def appending(log: SagaLog, *given: Any) -> None:
    """Saga events are stored, and nothing knows of them."""
    await append(log, *given)
    die(APPENDED)


async def publishing(*given: Any) -> None:
    """Sagas are folded; one effect is stored, and the others are not."""
    await publish(*given)
    die(AMONG_EFFECTS)


async def signalling(nc: Any, told: Any) -> None:
    """An outcome is durable, and its saga does not know it."""
    told = list(told)
    if any(b'"saga:' in record.value for record, _ in told):
        die(SIGNALLED)
    await signal(nc, told)


async def firing(agent: FireTimers, batch: Batch) -> None:
    """A timer is due, and its saga does not know it."""
    if batch.records:
        die(DUE)
    await fire(agent, batch)


SagaLog._append = appending  # type: ignore[assignment,method-assign]
vars(agents.send_effects)["publish_event"] = publishing
vars(agents.command_intake)["signal_outcomes"] = signalling
FireTimers.process = firing  # type: ignore[assignment,method-assign]

from app import app  # noqa: E402 - the application must be built on what was changed

__all__ = ["app"]
