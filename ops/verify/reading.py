"""The messages of a stream as a verification keeps them: many at a time, and nothing of them but what is compared."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from nats.aio.client import Client

from bridge.scan import scan


class Stored(NamedTuple):
    """One message as the stream holds it."""

    stream_sequence: int
    subject: str
    data: bytes


async def stored_messages(
    nc: Client, stream: str, filters: Sequence[str], *, after: int = 0, last: int
) -> AsyncGenerator[Sequence[Stored], None]:
    """Messages under some filters with a stream sequence above `after` and up to `last`, some at a time. Raises BridgeError and errors of the server."""
    async with aclosing(scan(nc, stream, filters, after=after, last=last)) as found:
        async for some in found:
            yield [Stored(one.stream_sequence, one.subject, one.data) for one in some]
