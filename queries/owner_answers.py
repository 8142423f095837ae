"""Answers for the partitions of one worker, on one NATS subject for each.

Guarantee: a request is answered beside others, none waits behind it; who asks once the partition has moved gets the next owner's answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

SubjectOf = Callable[[int], str]
"""The subject of a partition; its last token is the partition."""

AnswerTo = Callable[[int, bytes], Awaitable[bytes]]
"""The answer to a request to a partition; it raises nothing."""


class OwnerAnswers:
    """Subscriptions of the owned partitions, and the answers that are being made."""

    def __init__(self, nc: Client, subject_of: SubjectOf, answer_to: AnswerTo) -> None:
        self._nc = nc
        self._subject_of = subject_of
        self._answer_to = answer_to
        self._owned: dict[int, Subscription] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def own(self, partitions: frozenset[int]) -> None:
        """Answer for partitions."""
        for partition in partitions - self._owned.keys():
            self._owned[partition] = await self._nc.subscribe(self._subject_of(partition), cb=self._on_request)

    async def disown(self, partitions: frozenset[int]) -> None:
        """Answer no more; what runs goes on."""
        for partition in partitions & self._owned.keys():
            # A connection that is gone has no subscriptions left to end.
            with contextlib.suppress(NatsError):
                await self._owned.pop(partition).unsubscribe()

    async def _on_request(self, message: Msg) -> None:
        async def reply() -> None:
            with contextlib.suppress(NatsError):
                await message.respond(await self._answer_to(int(message.subject.rsplit(".", 1)[1]), message.data))

        task = asyncio.get_running_loop().create_task(reply())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
