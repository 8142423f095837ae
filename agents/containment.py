"""Contains what one person's events can break: the failing record becomes a dead letter, the cycle goes on.

Errors of a server are no fault of a record and pass through, so that the lane repeats the cycle in order."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def contained(letters: DeadLetters, agent: str, record: Record) -> AsyncIterator[None]:
    """Run the handling of one record; what it raises is dead-lettered unless a server failed.

    Folds and renderings are pure: what raised once raises again, so there is no second try.
    """
    try:
        yield
    except TRANSIENT:
        raise
    except Undecodable as error:
        await dead_letter(letters, agent, record, error.cause, error.reason)
    except Exception as error:
        logger.error("%s failed on the record at offset %s: %s", agent, record.offset, stack_of(error))
        await dead_letter(letters, agent, record, "handler_failed", type(error).__name__)
