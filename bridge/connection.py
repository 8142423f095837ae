"""One way to connect to NATS: never gives up reconnecting, and never buffers a publish while disconnected.

A publish that is buffered during a disconnect lands after its caller was told that it failed; `pending_size=-1` refuses it at once."""

from __future__ import annotations

import asyncio
import binascii
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import nkeys
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError, UnexpectedEOF

from bridge.errors import BridgeError
from connections.errors import AccessSettingError
from connections.nats_encryption import require_encryption
from connections.nats_servers import NatsServers, nats_servers

logger = logging.getLogger(__name__)

AFTER_ERROR_S = 8.0
"""How long the next attempt may take to fail as well; more than nats-py takes for one."""
AFTER_BAD_CERTIFICATE_S = 2.0


async def connect(
    nc: Client, where: NatsServers | str, *, name: str, on_closed: Callable[[], None] | None = None
) -> None:
    """Connect a client to the server or, for several addresses separated by commas, to one server of the cluster.

    Raises BridgeError with what to do when no server answers, none lets us in, or the settings contradict each other.

    `on_closed` is called when the connection ends for good, which reconnecting cannot mend (a protocol violation).
    """

    async def closed() -> None:
        if connected and on_closed is not None:
            on_closed()

    async def on_error(error: Exception) -> None:
        if not connected:
            met.append(error)
            patience = AFTER_BAD_CERTIFICATE_S if isinstance(error, ssl.SSLError) else AFTER_ERROR_S
            trying.reschedule(asyncio.get_running_loop().time() + patience)
        logger.log(logging.WARNING if connected else logging.DEBUG, "NATS: %s", error or type(error).__name__)

    connected = False
    met: list[Exception] = []
    servers = nats_servers(where)

    try:
        options = servers.client_options()
        if "tls" in options:
            require_encryption(nc)
        async with asyncio.timeout(None) as trying:
            await nc.connect(
                **options,
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
    except AccessSettingError as error:
        raise BridgeError(str(error)) from error
    except (NatsError, OSError, NoServersError) as error:
        # nats-py waits for ever for the end of a connection whose certificate it has refused, also when it is closed (2.16).
        if isinstance(error, TimeoutError) and met:
            nc._transport = None
        raise BridgeError(_why_not(servers, [*met, error])) from error
    except (nkeys.NkeysError, binascii.Error) as error:
        raise BridgeError(
            f"the login for NATS cannot be used ({type(error).__name__}): PERSON_NATS_NKEY_FILE needs the seed of a user, "
            "PERSON_NATS_CREDS_FILE a JWT and a seed"
        ) from None
    # For ever from now on; nats-py would otherwise try for ever to connect the first time, too.
    nc.options["max_reconnect_attempts"] = -1
    connected = True


@asynccontextmanager
async def connected(where: NatsServers | str, *, name: str) -> AsyncIterator[Client]:
    """A connection for as long as the body runs. Raises what `connect` raises."""
    nc = Client()
    try:
        await connect(nc, where, name=name)
        yield nc
    finally:
        await nc.close()


def _why_not(servers: NatsServers, met: Sequence[Exception]) -> str:
    """What an operator does next: a server that does not let us in is another thing than none. The most telling of all errors counts."""
    name = type(met[-1]).__name__
    if any("authorization" in str(one).lower() or "authentication" in str(one).lower() for one in met):
        return (
            f"NATS at {servers} does not let us in. Check the login: PERSON_NATS_USER, PERSON_NATS_TOKEN, "
            "PERSON_NATS_NKEY_FILE or PERSON_NATS_CREDS_FILE."
        )
    if any(isinstance(one, ssl.SSLError) or "tls" in str(one).lower() for one in met):
        return (
            f"no encrypted connection to NATS at {servers} ({name}). Check PERSON_NATS_TLS, the authority in "
            "PERSON_NATS_TLS_CA_FILE and whether the server asks for PERSON_NATS_TLS_CERT_FILE."
        )
    if any(isinstance(one, (BrokenPipeError, ConnectionResetError, UnexpectedEOF)) for one in met):
        return (
            f"NATS at {servers} ended the connection before it let us in ({name}). Check the login, whether the server wants "
            "PERSON_NATS_TLS, and whether it asks for PERSON_NATS_TLS_CERT_FILE."
        )
    return f"no NATS server answers at {servers} ({name}). Start it (`person up`) or set PERSON_NATS_URL."
