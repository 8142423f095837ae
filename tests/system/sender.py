"""Sends messages to the command stream as they are, also those that no client should send, and collects what is answered.

A message without an answer is sent again: it is stored already, so the second one changes nothing and is answered as the first."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from ops.client import REPLY_TO
from tests.system.asking import Asked

ACKNOWLEDGED_S = 10.0
AGAIN_S = 3.0


class Sender:
    """One client with an inbox; every message has a number."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._inbox = nc.new_inbox()
        self._sent: list[Asked] = []
        self._answered: list[asyncio.Event] = []
        self.answers: list[list[dict[str, Any]]] = []
        """All answers to each message; a worker that was killed may have told an outcome before the next one tells it again."""

    async def start(self) -> None:
        """Listen for answers."""
        await self._nc.subscribe(f"{self._inbox}.*", cb=self._on_answer)

    async def send(self, *messages: Asked) -> list[int]:
        """Send messages at once, in order; returns their numbers when the stream has them."""
        first = len(self._sent)
        for asked in messages:
            self._sent.append(asked)
            self._answered.append(asyncio.Event())
            self.answers.append([])
        numbers = [*range(first, len(self._sent))]
        # Tasks begin in this order, and each one writes to the connection before it waits.
        await asyncio.gather(*map(self._publish, numbers))
        return numbers

    async def answer(self, number: int, timeout_s: float) -> dict[str, Any]:
        """The first answer to a message; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    async with asyncio.timeout(AGAIN_S):
                        await self._answered[number].wait()
                    return self.answers[number][0]
                except TimeoutError:
                    await self._publish(number)

    async def _publish(self, number: int) -> None:
        asked = self._sent[number]
        headers = {REPLY_TO: f"{self._inbox}.{number}", "Content-Type": "application/cloudevents+json"}
        reply = await self._nc.request(asked.subject, asked.raw, headers=headers, timeout=ACKNOWLEDGED_S)
        assert "error" not in orjson.loads(reply.data), reply.data

    async def _on_answer(self, message: Msg) -> None:
        number = int(message.subject.rpartition(".")[2])
        self.answers[number].append(orjson.loads(message.data))
        self._answered[number].set()
