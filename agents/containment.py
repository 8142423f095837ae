"""Contains what one person's events can break: the failing record becomes a dead letter, the cycle goes on.

Errors of a server are no fault of a record and pass through, so that the lane repeats the cycle in order."""

from __future__ import annotations

import logging
from types import TracebackType

from nats.errors import Error as NatsError

from agents.reading import dead_letter
from bridge.dead_letters import DeadLetters
from bridge.errors import BridgeError
from domain.undecodable import Undecodable
from lanes.failure import stack_of
from lanes.record import Record

logger = logging.getLogger(__name__)

TRANSIENT = (BridgeError, NatsError, TimeoutError, OSError)
"""Errors of a server."""


class contained:  # noqa: N801  # reads as the statement that it is: async with contained(...)
    """Run the handling of one record; what it raises is dead-lettered unless a server failed.

    Folds and renderings are pure: what raised once raises again, so there is no second try.
    """

    __slots__ = ("_agent", "_letters", "_record")

    def __init__(self, letters: DeadLetters, agent: str, record: Record) -> None:
        self._letters = letters
        self._agent = agent
        self._record = record

    async def __aenter__(self) -> None:
        """Nothing to prepare."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            return False
        if isinstance(error, TRANSIENT) or not isinstance(error, Exception):
            return False
        if isinstance(error, Undecodable):
            await dead_letter(self._letters, self._agent, self._record, error.cause, error.reason)
            return True
        logger.error("%s failed on the record at offset %s: %s", self._agent, self._record.offset, stack_of(error))
        await dead_letter(self._letters, self._agent, self._record, "handler_failed", type(error).__name__)
        return True
