"""Sends commands of adapters and hears their outcomes, on one inbox for the whole worker.

Guarantee: `send` returns once the command is stored; the outcome comes for each command that was sent, since a command without one is sent
again under its id, which has no second effect."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from agents.publishing import CONTENT_TYPE, publish
from bridge.errors import BridgeError
from domain.translate.commands import AdapterCommand

logger = logging.getLogger(__name__)

ANSWER_WITHIN_S: Final = 10.0
"""After that long the answer may be lost, and the command is sent again, which gives the first answer."""
REPLY_TO: Final = "Person-Reply-To"


class CommandOutcome(NamedTuple):
    """What became of a command: `status` is accepted, refused or failed."""

    status: str
    code: str
    facts: Mapping[str, Any]
    position: Mapping[str, int] | None


class InterruptedWaitError(BridgeError):
    """The partitions of this worker move: whoever gets them sends the same commands again."""


class CommandSender:
    """Commands on their way, and who waits for what became of them."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._inbox = ""
        self._waiting: dict[str, asyncio.Future[CommandOutcome]] = {}

    async def start(self) -> None:
        """Begin to hear outcomes; the connection is open."""
        self._inbox = self._nc.new_inbox()
        await self._nc.subscribe(self._inbox, cb=self._told)

    def interrupt(self) -> None:
        """Wake all who wait: they get InterruptedWaitError."""
        interrupted, self._waiting = self._waiting, {}
        for waiting in interrupted.values():
            if not waiting.done():
                waiting.set_exception(InterruptedWaitError("the partitions move"))

    async def send(self, command: AdapterCommand) -> asyncio.Future[CommandOutcome]:
        """Store a command; the outcome comes by the future, for which `outcome` waits. Raises what `publish` raises."""
        waiting = self._waiting.get(command.id)
        if waiting is None or waiting.done():
            waiting = self._waiting[command.id] = asyncio.get_running_loop().create_future()
            waiting.add_done_callback(_retrieved)
        await self._store(command)
        return waiting

    async def outcome(self, command: AdapterCommand, waiting: asyncio.Future[CommandOutcome]) -> CommandOutcome:
        """What became of a command that was sent, however long it takes. Raises InterruptedWaitError."""
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=ANSWER_WITHIN_S)
                if done:
                    return waiting.result()
                logger.warning("command %s has no outcome yet and is sent again", command.id)
                try:
                    await self._store(command)
                except (BridgeError, NatsError, TimeoutError, OSError) as error:
                    logger.warning("command %s could not be sent again: %s", command.id, type(error).__name__)
        finally:
            if self._waiting.get(command.id) is waiting:
                del self._waiting[command.id]

    async def _store(self, command: AdapterCommand) -> None:
        # No Nats-Msg-Id: what is sent again has to reach the agents, which tell the outcome again.
        headers = {REPLY_TO: self._inbox, "Content-Type": CONTENT_TYPE}
        await publish(self._nc, command.type, command.body, headers)

    async def _told(self, message: Msg) -> None:
        told = orjson.loads(message.data)
        waiting = self._waiting.get(told.get("command_id"))
        if waiting is not None and not waiting.done():
            outcome = CommandOutcome(
                told["status"], told.get("code", ""), told.get("facts") or {}, told.get("position")
            )
            waiting.set_result(outcome)


def _retrieved(waiting: asyncio.Future[CommandOutcome]) -> None:
    """An interruption that nobody waited for is no error to tell of."""
    if not waiting.cancelled():
        waiting.exception()
