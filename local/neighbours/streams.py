"""The streams of the neighbours. They belong to other domains: only simulated neighbours create them, never a worker."""

from __future__ import annotations

from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import BadRequestError

from config.streams import NEIGHBOURS, OUTBOUND, neighbour_stream, neighbour_streams

DOMAINS = NEIGHBOURS
OUTBOX = OUTBOUND
"""The stream of the person domain that neighbours take their commands from."""
READY = "neighbours ready"
"""What the process of the neighbours says when all take commands, or will as soon as the outbox exists."""

_NAME_IN_USE = 10058


def stream_of(domain: str) -> str:
    """The name of a neighbour's event stream."""
    return neighbour_stream(domain)


async def create_streams(js: JetStreamContext) -> None:
    """Create the event streams of all neighbours; those that exist stay as they are. Raises what nats-py raises."""
    for declared in neighbour_streams(1):
        try:
            await js.add_stream(StreamConfig.from_response(dict(declared)))
        except BadRequestError as error:
            if error.err_code != _NAME_IN_USE:
                raise
