"""NATS subjects `person.internal.<app id>.generation.<p>`: what the owner of a partition says about its generation.

Guarantee: `through` names the last register whose change this owner has carried out: behind a phase that it names, the owner does nothing
of what that phase has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError


def report_subject(app_id: str, partition: int) -> str:
    """Where the owner of a partition is asked."""
    return f"person.internal.{app_id}.generation.{partition}"


class GenerationReports:
    """Answers for the partitions that this worker owns."""

    def __init__(self, nc: Client, app_id: str, report: Callable[[int], dict[str, Any]]) -> None:
        self._nc = nc
        self._app_id = app_id
        self._report = report
        self._owned: dict[int, Subscription] = {}

    async def own(self, partitions: frozenset[int]) -> None:
        """Answer for partitions."""
        for partition in partitions - self._owned.keys():
            self._owned[partition] = await self._nc.subscribe(report_subject(self._app_id, partition), cb=self._answer)

    async def disown(self, partitions: frozenset[int]) -> None:
        """Answer no more."""
        for partition in partitions & self._owned.keys():
            with contextlib.suppress(NatsError):
                await self._owned.pop(partition).unsubscribe()

    async def _answer(self, message: Msg) -> None:
        with contextlib.suppress(NatsError):
            await message.respond(orjson.dumps(self._report(int(message.subject.rpartition(".")[2]))))


async def ask_owners(nc: Client, app_id: str, partitions: int, *, wait_s: float = 1.0) -> dict[int, dict[str, Any]]:
    """The reports by partition; a partition whose owner does not answer in time is left out."""

    async def ask(partition: int) -> tuple[int, dict[str, Any]] | None:
        try:
            reply = await nc.request(report_subject(app_id, partition), b"", timeout=wait_s)
        except (NatsError, TimeoutError):
            return None
        return partition, orjson.loads(reply.data)

    return dict(filter(None, await asyncio.gather(*(ask(partition) for partition in range(partitions)))))
