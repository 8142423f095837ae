"""Timers of sagas: message schedules of `PERSON_TIMERS`, one subject for each saga. The server keeps the clock, no worker does.

Guarantee: a timer that was set becomes due once, also when no worker runs then; setting replaces what was set before; a timer that is
cancelled while it becomes due still arrives, and whoever gets it must compare. Protocol: NATS ADR-51."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from nats.aio.client import Client

from agents.publishing import publish
from bridge.jetstream import api
from config.streams import TIMERS

DUE_KEPT: Final = "2160h"
"""Life time of due timers, 90 days. One for all: what is removed earlier than an older one that nobody has carried would take that one along."""


def set_subject(person_id: str, saga_id: str) -> str:
    """Where the schedule of a saga is kept."""
    return f"person.timers.set.{person_id}.{saga_id}"


def due_subject(person_id: str, saga_id: str) -> str:
    """Where the timer of a saga arrives when it is due."""
    return f"person.timers.due.{person_id}.{saga_id}"


async def set_timer(nc: Client, person_id: str, saga_id: str, at: datetime, body: bytes) -> None:
    """Let `body` arrive at a time, at once when that is over; what was set for the saga before does not arrive any more.

    Returns once the schedule is stored. Raises BridgeError when it is refused, NatsError or TimeoutError without an answer.
    """
    headers = {
        "Nats-Schedule": f"@at {at.astimezone(UTC).isoformat(timespec='microseconds').replace('+00:00', 'Z')}",
        "Nats-Schedule-Target": due_subject(person_id, saga_id),
        "Nats-Schedule-TTL": DUE_KEPT,
    }
    await publish(nc, set_subject(person_id, saga_id), body, headers)


async def cancel_timer(nc: Client, person_id: str, saga_id: str) -> None:
    """Take back what was set for a saga; harmless when nothing is. Raises JetStreamError, NatsError or TimeoutError."""
    await api(nc, f"STREAM.PURGE.{TIMERS}", {"filter": set_subject(person_id, saga_id)})
