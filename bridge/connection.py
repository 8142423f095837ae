"""One way to connect to NATS: never gives up reconnecting, and never buffers a publish while disconnected.

A publish that is buffered during a disconnect lands after its caller was told that it failed; `pending_size=-1` refuses it at once."""

from __future__ import annotations

import logging
from collections.abc import Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError

from bridge.errors import BridgeError

logger = logging.getLogger(__name__)


async def connect(nc: Client, url: str, *, name: str, on_closed: Callable[[], None] | None = None) -> None:
    """Connect a client to the server or, for several addresses separated by commas, to one server of the cluster.

    Raises BridgeError with what to do when no server answers.

    `on_closed` is called when the connection ends for good, which reconnecting cannot mend (a protocol violation).
    """

    async def closed() -> None:
        if connected and on_closed is not None:
            on_closed()

    async def on_error(error: Exception) -> None:
        logger.log(logging.WARNING if connected else logging.DEBUG, "NATS: %s", error or type(error).__name__)

    connected = False

    try:
        await nc.connect(
            [address.strip() for address in url.split(",")],
            name=name,
            connect_timeout=5,
            max_reconnect_attempts=1,
            reconnect_time_wait=1,
            ping_interval=5,
            pending_size=-1,
            allow_reconnect=True,
            error_cb=on_error,
            closed_cb=closed,
        )
    except (NatsError, OSError, NoServersError) as error:
        raise BridgeError(
            f"no NATS server answers at {url} ({type(error).__name__}). Start it (`person up`) or set PERSON_NATS_URL."
        ) from error
    # For ever from now on; nats-py would otherwise try for ever to connect the first time, too.
    nc.options["max_reconnect_attempts"] = -1
    connected = True
