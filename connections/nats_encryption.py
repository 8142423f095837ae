"""Keeps a connection to NATS from being made in clear where it should be encrypted.

Guarantee: whoever wants TLS sends no login and no message to a server that does not ask for TLS; nats-py by itself lets the server decide
(2.16), and so anybody between them."""

from __future__ import annotations

import logging
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError


class NotEncryptedError(NatsError):
    """The server does not require TLS, and this side does."""

    def __str__(self) -> str:
        return "nats: the server does not require tls"


def require_encryption(nc: Client) -> None:
    """Let a client that is not connected yet go on only with servers that require TLS, each time it connects."""
    # asyncio says once for each connection that a return value of its own class has no effect (Python 3.11).
    logging.getLogger("asyncio").addFilter(_is_no_notice_of_asyncio)
    process_info = nc._process_info

    async def checked(info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and not info.get("tls_required"):
            raise NotEncryptedError
        await process_info(info, initial_connection)

    nc._process_info = checked  # type: ignore[method-assign]


def _is_no_notice_of_asyncio(record: logging.LogRecord) -> bool:
    return "eof_received() has no effect" not in record.getMessage()
