"""What workers say about their routes: each answers a question on one subject of the installation, whoever asks gathers the answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError


def subject_of(installation: str) -> str:
    """Where workers are asked."""
    return f"person.internal.{installation}.routes"


class RouteReports:
    """Answers for one worker."""

    def __init__(self, nc: Client, installation: str, worker: str, report: Callable[[], list[dict[str, Any]]]) -> None:
        self._nc = nc
        self._subject = subject_of(installation)
        self._worker = worker
        self._report = report
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._subscription = await self._nc.subscribe(self._subject, cb=self._answer)

    async def stop(self) -> None:
        """Answer no more."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._nc.is_closed:
            with suppress(NatsError):
                await subscription.unsubscribe()

    async def _answer(self, message: Msg) -> None:
        # A question without a reply subject asks nothing.
        with suppress(NatsError):
            await message.respond(json.dumps({"worker": self._worker, "routes": self._report()}).encode())


async def gather(nc: Client, installation: str, *, wait_s: float) -> list[dict[str, Any]]:
    """The answers of all workers, `{worker, routes}`, that come within `wait_s` of the one before."""
    inbox = nc.new_inbox()
    replies = await nc.subscribe(inbox)
    answers: list[dict[str, Any]] = []
    try:
        await nc.publish(subject_of(installation), b"", reply=inbox)
        with suppress(NatsTimeoutError, asyncio.TimeoutError):
            while True:
                message = await replies.next_msg(timeout=wait_s)
                if message.data:
                    answers.append(json.loads(message.data))
    finally:
        await replies.unsubscribe()
    return sorted(answers, key=lambda answer: str(answer["worker"]))
