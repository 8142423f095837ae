"""Waits until the installation is well again: conditions with a deadline, no fixed sleeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from nats.errors import Error as NatsError

from bridge.jetstream import JetStreamError, api
from config.streams import COMMANDS, EVENTS
from ops.client import PersonClient
from tests.chaos.installation import Installation
from tests.chaos.sender import Sender

POLL_S = 0.1
DEADLINE_S = 90.0


class NeverQuietError(Exception):
    """The installation did not become well within the deadline; the message says what was missing."""


async def wait_until_quiet(
    installation: Installation,
    client: PersonClient,
    sender: Sender,
    *,
    partitions: int,
    carried: Callable[[], Awaitable[str | None]],
    deadline_s: float = DEADLINE_S,
) -> None:
    """Every server and worker answers, every partition has one owner, every command its outcome, nothing is on its way.

    `carried` says what of the egress is not carried yet.
    """

    async def missing() -> str | None:
        return (
            await _missing(installation, sender, partitions, None)
            or await _on_its_way(installation, client)
            or await carried()
        )

    await _wait(missing, sender, deadline_s)


async def wait_until_well(
    installation: Installation, sender: Sender, *, due_before_s: float, partitions: int, deadline_s: float = DEADLINE_S
) -> None:
    """As quiet, but for the commands that were due before a moment: others are on their way."""

    async def missing() -> str | None:
        return await _missing(installation, sender, partitions, due_before_s)

    await _wait(missing, sender, deadline_s)


async def _wait(missing_now: Callable[[], Awaitable[str | None]], sender: Sender, deadline_s: float) -> None:
    deadline = time.monotonic() + deadline_s
    asked_at = 0.0
    while True:
        if time.monotonic() - asked_at > 1.0:
            asked_at = time.monotonic()
            await sender.ask_for_missed()
        missing = await missing_now()
        if missing is None:
            return
        if time.monotonic() > deadline:
            raise NeverQuietError(f"not well {deadline_s:g} s after the last fault was healed: {missing}")
        await asyncio.sleep(POLL_S)


async def _missing(
    installation: Installation, sender: Sender, partitions: int, due_before_s: float | None
) -> str | None:
    gone = await asyncio.to_thread(installation.stack.missing) if installation.nodes > 1 else []
    if gone:
        return "; ".join(gone)
    installation.stack.check()
    status = await installation.status()
    not_ready = [name for name, page in status.items() if page is None]
    if not_ready:
        return f"{', '.join(not_ready)} not ready"
    owned = sorted(partition for page in status.values() if page for partition in page["partitions"])
    if owned != list(range(partitions)):
        return f"owned partitions are {owned}"
    unanswered = [entry for entry in sender.unanswered() if due_before_s is None or entry.due.at_s < due_before_s]
    if unanswered:
        ids = ", ".join(entry.command_id for entry in unanswered[:3])
        return f"{len(unanswered)} commands without an outcome, {ids} among them"
    return None


async def _on_its_way(installation: Installation, client: PersonClient) -> str | None:
    for stream in (COMMANDS, EVENTS):
        try:
            listed = await api(client.nc, f"CONSUMER.LIST.{stream}")
        except (NatsError, JetStreamError, TimeoutError, OSError) as error:
            return f"NATS does not answer ({type(error).__name__})"
        for consumer in listed["consumers"]:
            # Others than the durable ones read for themselves, the harness among them.
            if "durable_name" in consumer["config"] and (consumer["num_pending"] or consumer["num_ack_pending"]):
                pending, unacknowledged = consumer["num_pending"], consumer["num_ack_pending"]
                return f"{consumer['name']} has {pending} pending and {unacknowledged} unacknowledged messages"
    for name, page in (await installation.status()).items():
        backlog = sum(lane["backlog"] for lane in page["lanes"]) if page else 0
        if backlog:
            return f"lanes of {name} hold {backlog} records"
    return None
