"""Brings the positions of owned partitions to where the generation before has ended: its clients hold positions of partitions that were
others, and no record need ever come here that is behind them.

Guarantee: a position is brought on only behind a look into the stream that finds no message of the partition up to there which is not
folded, and it is a row of the tables then. So tables that are filled anew behind a switch, as after a loss of Kafka, claim nothing that they lack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nats.aio.client import Client
from nats.errors import Error as NatsError

from agents.held_position import hold_up_to
from agents.redrive import Repeat
from bridge import read
from bridge.ending import end
from bridge.errors import BridgeError
from bridge.routes import IngressRoute
from domain.partitions import partition_of
from lanes.failure import stack_of
from tables.position import AppliedPositions

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 0.5


class HandedTopic(NamedTuple):
    """What one route feeds: up to where it was handed over, as a stream sequence, how far partitions are folded, and how a cycle is asked for."""

    route: IngressRoute
    up_to: Callable[[], int]
    positions: AppliedPositions
    repeat: Repeat


class HandedOver:
    """Looks after the partitions that `owned` names while it runs; with nothing to bring on, a look compares numbers in memory."""

    def __init__(
        self, nc: Client, topics: Sequence[HandedTopic], partitions: int, owned: Callable[[], frozenset[int]]
    ) -> None:
        self._nc = nc
        self._topics = topics
        self._partitions = partitions
        self._owned = owned
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="handed over")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def look(self) -> None:
        """Bring on what can be. Raises errors of the servers; a partition that moves meanwhile is left to its next owner."""
        for topic in self._topics:
            for partition in sorted(self._owned()):
                await self._hold(topic, partition, topic.up_to())

    async def _hold(self, topic: HandedTopic, partition: int, up_to: int) -> None:
        applied = topic.positions.applied(partition)
        if applied >= up_to or await self._lacks(topic.route, partition, applied, up_to):
            return
        try:
            await topic.repeat(partition, [], lambda batch: hold_up_to(batch, up_to))
        except LookupError:
            return
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    async def _lacks(self, route: IngressRoute, partition: int, after: int, up_to: int) -> bool:
        """Whether the stream holds a message of the partition between two places."""
        token = route.key.token if route.key is not None else None
        assert token is not None, "routes to folds name the token of the person"
        for pattern in route.filters(partition, self._partitions):
            place = after
            while (
                message := await read.first_message(self._nc, route.source.stream, pattern, after=place)
            ) is not None:
                if message.stream_sequence > up_to:
                    break
                if partition_of(message.subject.split(".")[token], self._partitions) == partition:
                    return True
                place = message.stream_sequence
        return False

    async def _follow(self) -> None:
        while True:
            try:
                await self.look()
            except (BridgeError, NatsError, TimeoutError, OSError) as error:
                logger.debug("what was handed over could not be looked at: %s", error or type(error).__name__)
            except Exception as error:
                logger.error("what was handed over is looked at again: %s", stack_of(error))
            await asyncio.sleep(LOOK_INTERVAL_S)
