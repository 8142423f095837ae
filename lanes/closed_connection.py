"""Patch of aiokafka: a request on a connection that uvloop has closed already is an error of the connection, as on any other loop.

Reason: uvloop raises RuntimeError where asyncio drops the bytes and aiokafka 0.14 expects OSError. The error ends the fetcher of a
consumer for good, and the consumer then waits for ever without a word."""

from __future__ import annotations

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

_send = AIOKafkaConnection.send


def translate_errors_of_closed_connections() -> None:
    """Patch the connections of all clients in this process."""
    AIOKafkaConnection.send = _send_or_break


def _send_or_break(connection: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    try:
        return _send(connection, request, expect_response=expect_response)
    except RuntimeError as error:
        # Errors of Kafka are RuntimeErrors as well.
        if isinstance(error, KafkaError):
            raise
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError("the connection was closed already") from error
