"""Tells what a failure is: a fault of one event, which stops its person for one agent, or an error of a server, which stops nobody.

Folds and renderings are pure: what raised once raises again, so a fault of an event is not tried again before the code has changed."""

from __future__ import annotations

from aiokafka.errors import KafkaError
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from domain.undecodable import Undecodable
from lanes.fenced_producer import FencedError

TRANSIENT = (BridgeError, FencedError, KafkaError, NatsError, TimeoutError, OSError)
"""Errors of a server, and of a worker that was replaced. They pass through, so that the lane repeats the cycle in order, or ends."""


def is_transient(error: Exception) -> bool:
    """Whether a server failed, not an event."""
    return isinstance(error, TRANSIENT)


def cause_of(error: Exception) -> tuple[str, str]:
    """Cause and reason of a dead letter; a reason names fields, rules and types, never values."""
    if isinstance(error, Undecodable):
        return error.cause, error.reason
    return "handler_failed", type(error).__name__
