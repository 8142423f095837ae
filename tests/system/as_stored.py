"""Feeds a model with the commands that the stream holds, in its order: those that were sent and those of sagas between them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from bridge.jetstream import api
from config.streams import COMMANDS, EVENTS
from tests.system.asking import Asked
from tests.system.model import Model

OF_PROCESSES = ("person.commands.saga.", "person.commands.rules.")
READ_WITHIN_S = 10.0
QUIET_WITHIN_S = 60.0
POLL_S = 0.1


class StoredCommands:
    """A live reader, because processed commands are trimmed; the model decides each command as it was stored."""

    def __init__(self, nc: Client, model: Model) -> None:
        self.model = model
        self.told: dict[Asked, dict[str, Any]] = {}
        """The outcome of each message."""
        self._nc = nc
        self._waiting: list[Msg] = []
        self._read = 0
        self._arrived = asyncio.Condition()

    async def start(self) -> None:
        """Begin behind what the stream holds now."""
        self._read = await self._last(COMMANDS)
        await self._nc.jetstream().subscribe(
            "person.commands.>",
            stream=COMMANDS,
            ordered_consumer=True,
            config=ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._read + 1),
            cb=self._on_message,
        )

    async def catch_up(self) -> None:
        """Decide everything that the stream holds by now."""
        last = await self._last(COMMANDS)
        async with asyncio.timeout(READ_WITHIN_S):
            async with self._arrived:
                await self._arrived.wait_for(lambda: self._read + len(self._waiting) >= last)
        while self._waiting:
            message = self._waiting.pop(0)
            self._read += 1
            assert message.metadata.sequence.stream == self._read, "a command was trimmed before the model saw it"
            if not message.subject.startswith(OF_PROCESSES):
                asked = Asked(message.subject, message.data)
                self.told[asked] = self.model.decide(asked, stored_at=message.metadata.timestamp)

    async def settle(self) -> None:
        """Go on until the events of the whole installation are as many as those of the model, or no more come for long."""
        deadline = time.monotonic() + QUIET_WITHIN_S
        while time.monotonic() < deadline:
            await self.catch_up()
            if await self._last(EVENTS) == sum(map(len, self.model.events.values())):
                return
            await asyncio.sleep(POLL_S)

    async def _on_message(self, message: Msg) -> None:
        async with self._arrived:
            self._waiting.append(message)
            self._arrived.notify_all()

    async def _last(self, stream: str) -> int:
        return int((await api(self._nc, f"STREAM.INFO.{stream}"))["state"]["last_seq"])
