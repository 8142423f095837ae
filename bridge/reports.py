"""What workers say about themselves: each answers a question on one subject of the installation, whoever asks gathers the answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

ROUTES = "routes"
STATUS = "status"


def subject_of(installation: str, about: str) -> str:
    """Where workers are asked about something."""
    return f"person.internal.{installation}.{about}"


class WorkerReports:
    """Answers for one worker, `{worker, <about>}`; several subjects of the installation at once."""

    def __init__(self, nc: Client, installation: str, worker: str, reports: Mapping[str, Callable[[], Any]]) -> None:
        self._nc = nc
        self._installation = installation
        self._worker = worker
        self._reports = reports
        self._subscriptions: list[Subscription] = []

    async def start(self) -> None:
        """Begin to answer."""
        for about, report in self._reports.items():
            self._subscriptions.append(
                await self._nc.subscribe(subject_of(self._installation, about), cb=self._answer(about, report))
            )

    async def stop(self) -> None:
        """Answer no more."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            if not self._nc.is_closed:
                with suppress(NatsError):
                    await subscription.unsubscribe()

    def _answer(self, about: str, report: Callable[[], Any]) -> Any:
        async def answer(message: Msg) -> None:
            # A question without a reply subject asks nothing.
            with suppress(NatsError):
                await message.respond(json.dumps({"worker": self._worker, about: report()}).encode())

        return answer


async def gather(nc: Client, installation: str, about: str, *, wait_s: float) -> list[dict[str, Any]]:
    """The answers of all workers, `{worker, <about>}`, that come within `wait_s` of the one before."""
    inbox = nc.new_inbox()
    replies = await nc.subscribe(inbox)
    answers: list[dict[str, Any]] = []
    try:
        await nc.publish(subject_of(installation, about), b"", reply=inbox)
        with suppress(NatsTimeoutError, asyncio.TimeoutError):
            while True:
                message = await replies.next_msg(timeout=wait_s)
                if message.data:
                    answers.append(json.loads(message.data))
    finally:
        await replies.unsubscribe()
    return sorted(answers, key=lambda answer: str(answer["worker"]))
