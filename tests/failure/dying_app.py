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
from agents.fold_sagas import folded_sagas
from agents.saga_log import SagaLog
from agents.send_effects import SendEffects
from lanes.agent import Batch
from tests.failure.points import AMONG_EFFECTS, APPENDED, DUE, FOLDED, SIGNALLED

POINTS = Path(os.environ["DYING_AT"])


def die(point: str) -> None:
    """End the process, once for each point."""
    try:
        (POINTS / point).unlink()
    except FileNotFoundError:
        return
    os._exit(9)


append: Callable[..., Any] = SagaLog._append
effects: Callable[..., Any] = SendEffects.committed
publish: Callable[..., Any] = agents.send_effects.publish_event
signal: Callable[..., Any] = vars(agents.command_intake)["signal_outcomes"]
fire: Callable[..., Any] = FireTimers.process


async def appending(log: SagaLog, *given: Any) -> None:
    """Saga events are stored, and nothing knows of them."""
    await append(log, *given)
    die(APPENDED)


async def sending(agent: SendEffects, batch: Batch) -> None:
    """Sagas are folded, and nothing is sent."""
    if folded_sagas(batch):
        die(FOLDED)
    await effects(agent, batch)


async def publishing(*given: Any) -> None:
    """One effect is stored, the others are not."""
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


SagaLog._append = appending  # type: ignore[method-assign]
SendEffects.committed = sending  # type: ignore[method-assign]
vars(agents.send_effects)["publish_event"] = publishing
vars(agents.command_intake)["signal_outcomes"] = signalling
FireTimers.process = firing  # type: ignore[method-assign]

from app import app  # noqa: E402 - the application must be built on what was changed

__all__ = ["app"]
