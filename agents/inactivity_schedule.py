"""When the sweep for inactive persons is due: one repeating schedule of JetStream for each partition, kept by the server.

Guarantee: the schedule that the settings name is the one that the server keeps, whoever set it last; without one, nothing is swept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nats.aio.client import Client

from agents.publishing import publish
from agents.timers import DUE_KEPT
from bridge import read
from bridge.errors import BridgeError
from bridge.jetstream import api
from config.streams import TIMERS

JOB: Final = b"inactivity"
"""Key of a due timer of the sweep, in the place of the person of a saga's timer."""

_SCHEDULE: Final = "Nats-Schedule"
_TARGET: Final = "Nats-Schedule-Target"
_LIFE: Final = "Nats-Schedule-TTL"


def set_subject(partition: int) -> str:
    """Where the schedule of a partition is kept."""
    return f"person.timers.set.{JOB.decode()}.{partition}"


def due_subject(partition: int) -> str:
    """Where the timer of a partition arrives when a sweep is due; a message published there sweeps at once."""
    return f"person.timers.due.{JOB.decode()}.{partition}"


async def keep_schedule(nc: Client, schedule: str, partitions: int) -> None:
    """Have every partition swept by a schedule, `0 0 3 * * *` or `@every 24h`; an empty one ends all sweeps.

    Raises BridgeError when the server takes it for no schedule, NatsError or TimeoutError without an answer.
    """
    for partition in range(partitions):
        subject = set_subject(partition)
        kept = await read.last_message(nc, TIMERS, subject)
        # The body says it too, because a read by subject brings the body.
        if (kept.data.decode() if kept else "") == schedule:
            # Setting it again would begin the interval anew with each start of a worker.
            continue
        if not schedule:
            await api(nc, f"STREAM.PURGE.{TIMERS}", {"filter": subject})
            continue
        try:
            headers = {_SCHEDULE: schedule, _TARGET: due_subject(partition), _LIFE: DUE_KEPT}
            await publish(nc, subject, schedule.encode(), headers)
        except BridgeError as error:
            raise BridgeError(f"PERSON_INACTIVITY_SWEEP={schedule!r} is no schedule: {error}") from error


async def drop_schedules(nc: Client, partitions: Iterable[int]) -> None:
    """Have partitions swept no more that there are no longer. Raises JetStreamError, NatsError or TimeoutError."""
    for partition in partitions:
        await api(nc, f"STREAM.PURGE.{TIMERS}", {"filter": set_subject(partition)})


async def sweep_now(nc: Client, partitions: int) -> None:
    """Have every partition swept at once; returns when this is stored. Raises like `publish`."""
    for partition in range(partitions):
        await publish(nc, due_subject(partition), b"{}", {"Nats-TTL": DUE_KEPT})
