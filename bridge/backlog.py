"""What the routes of one worker have not carried yet, asked of the servers every few seconds: how much, and how old the oldest of it is.

Guarantee: a count is of the routes that the worker carried then, and at most some seconds old while the servers answer; carrying does not wait
for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple

from nats.aio.client import Client

from bridge.egress_route import RunningEgress
from bridge.ending import end
from bridge.ingress_route import RunningIngress
from bridge.jetstream import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, JetStreamError, api
from bridge.read import first_message
from bridge.running import RunningRoutes

logger = logging.getLogger(__name__)

EVERY_S = 10.0


class Backlog(NamedTuple):
    """What is left of a route, or of a part of it."""

    pending: int = 0
    """Messages that were not read yet."""
    unacknowledged: int = 0
    """Messages that were read and are not known to be in the target."""
    oldest: float | None = None
    """When the oldest of them was stored, in seconds since the epoch; None without one."""

    def plus(self, other: Backlog) -> Backlog:
        """Both together."""
        times = [one for one in (self.oldest, other.oldest) if one is not None]
        return Backlog(
            self.pending + other.pending, self.unacknowledged + other.unacknowledged, min(times, default=None)
        )


class RouteBacklogs:
    """Counts while it runs."""

    def __init__(self, nc: Client, routes: RunningRoutes, *, every_s: float = EVERY_S) -> None:
        self._nc = nc
        self._routes = routes
        self._every_s = every_s
        self._counted: Mapping[str, Backlog] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to count."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="route backlogs")

    async def stop(self) -> None:
        """Count no more."""
        if self._task is not None:
            await end(self._task)
        self._counted = {}

    def counted(self) -> Mapping[str, Backlog]:
        """The last count by route."""
        return self._counted

    async def count(self) -> None:
        """Count now; raises the client's error when a server does not answer."""
        found = {running.route.name: await self._of_ingress(running) for running in self._routes.ingress}
        self._counted = found | {running.route.name: _of_egress(running) for running in self._routes.egress}

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.count()
            except Exception as error:
                # Whatever it was, the next count is as good as this one would have been.
                logger.warning("the backlogs of routes could not be counted: %s", type(error).__name__)

    async def _of_ingress(self, running: RunningIngress) -> Backlog:
        found = Backlog()
        for lane in list(running.lanes.values()):
            found = found.plus(await self._of_consumer(running.route.source.stream, lane.name))
        return found

    async def _of_consumer(self, stream: str, consumer: str) -> Backlog:
        try:
            info = await api(self._nc, f"CONSUMER.INFO.{stream}.{consumer}")
        except JetStreamError as error:
            # The lane makes it again.
            if error.code not in (CONSUMER_NOT_FOUND, STREAM_NOT_FOUND):
                raise
            return Backlog()
        pending, unacknowledged = int(info["num_pending"]), int(info["num_ack_pending"])
        oldest = None
        if pending or unacknowledged:
            floor = int(info["ack_floor"]["stream_seq"])
            filter_subject = info["config"].get("filter_subject") or ">"
            message = await first_message(self._nc, stream, filter_subject, after=floor)
            oldest = None if message is None else message.stored_at.timestamp()
        return Backlog(pending, unacknowledged, oldest)


def _of_egress(running: RunningEgress) -> Backlog:
    found = Backlog()
    for lane in running.source.lanes():
        oldest = None if lane.oldest_ms is None else lane.oldest_ms / 1000
        found = found.plus(Backlog(max(0, running.source.behind(lane) - lane.held), lane.held, oldest))
    return found
