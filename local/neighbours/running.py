"""All five neighbours on one connection, until they are asked to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError

from connections.errors import AccessSettingError
from connections.nats_encryption import require_encryption
from connections.nats_servers import NatsServers, nats_servers
from local.errors import StackError
from local.neighbours.faults import Behaviour
from local.neighbours.neighbour import RunningNeighbour
from local.neighbours.streams import DOMAINS, READY, create_streams


async def run_until_asked(where: NatsServers | str, behaviour: Behaviour, say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM; raises StackError when no server answers or a neighbour cannot go on."""
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await run_neighbours(where, behaviour, say, asked)


async def run_neighbours(
    where: NatsServers | str, behaviour: Behaviour, say: Callable[[str], None], ended: asyncio.Event
) -> None:
    """Run all five until `ended` is set, and say what each one did."""
    nc = Client()
    try:
        options = nats_servers(where).client_options()
        if "tls" in options:
            require_encryption(nc)
        await nc.connect(**options, name="neighbours", connect_timeout=5, max_reconnect_attempts=5)
    except AccessSettingError as error:
        raise StackError(str(error)) from error
    except (NatsError, OSError) as error:
        raise StackError(f"no NATS server answers at {where} ({type(error).__name__})") from error
    nc.options["max_reconnect_attempts"] = -1
    neighbours: list[RunningNeighbour] = []
    try:
        await create_streams(nc.jetstream())
        neighbours = [RunningNeighbour(nc, domain, behaviour) for domain in DOMAINS]
        running = [asyncio.create_task(neighbour.run()) for neighbour in neighbours]
        waiting = asyncio.create_task(ended.wait())
        say(READY)
        await asyncio.wait([*running, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (*running, waiting):
            task.cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise StackError(f"a neighbour ended: {type(result).__name__}: {result}") from result
    except NatsError as error:
        raise StackError(f"the streams of the neighbours cannot be used: {error}") from error
    finally:
        for neighbour in neighbours:
            done = ", ".join(f"{what} {count}" for what, count in sorted(neighbour.counts.items())) or "nothing"
            say(f"{neighbour.domain}: {done}")
        await nc.close()
