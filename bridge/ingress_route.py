"""One ingress route in one worker: its consumers, its lanes while this worker owns their partitions, and its dead letters.

An optional route whose stream does not exist waits for it: everything else goes on, and it begins as soon as the stream is there.

Who carries: a route with one consumer per partition is carried by the owner of each, a route with one consumer by the owner of one
partition, which its name chooses unless the route does. An owner that does not know yet that it lost the partition only causes resets."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.dead_letters import DeadLetter, DeadLetters
from bridge.egress_route import Installation
from bridge.ending import end
from bridge.errors import BridgeError, StreamMismatchError, UnmappableError
from bridge.header_mapping import IngressHeaders
from bridge.ingress import Destination, IngressLane, KafkaWriter, Router, stop_all
from bridge.jetstream import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, Delivery, JetStreamError, api
from bridge.routes import IngressRoute, Route
from bridge.routing import hashed, router_of
from bridge.streams import ensure_consumer

logger = logging.getLogger(__name__)

SECOND_NS = 1_000_000_000
LOOK_AGAIN_S = 2.0
"""How often an optional route looks for its stream."""


def owner_of(route: IngressRoute, partitions: int) -> int:
    """The partition whose owner carries a route that has one consumer."""
    return route.owner if route.owner is not None else hashed(route.name.encode(), partitions)


def consumers_of(route: IngressRoute, partitions: int) -> list[dict[str, Any]]:
    """Declarations of the durable consumers of a route, in the form of JetStream's consumer configuration."""
    numbers = range(partitions) if route.per_partition else (None,)
    return [_consumer(route, number, partitions) for number in numbers]


def declared_consumers(routes: Iterable[Route], partitions: int) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of stream name and consumer declaration of all ingress routes."""
    return [
        (route.source.stream, declared)
        for route in routes
        if isinstance(route, IngressRoute)
        for declared in consumers_of(route, partitions)
    ]


def consumer_feeding(routes: Iterable[Route], topic: str) -> str:
    """The consumer of the one route with one consumer that feeds a topic."""
    return next(
        route.consumer(None) for route in routes if isinstance(route, IngressRoute) and route.target.topic == topic
    )


class RunningIngress:
    """Carries what belongs to the partitions of this worker."""

    def __init__(
        self,
        nc: Client,
        route: IngressRoute,
        installation: Installation,
        letters: DeadLetters,
        *,
        write: KafkaWriter,
        topic_partitions: int,
        router: Router | None,
    ) -> None:
        self.route = route
        self._nc = nc
        self._installation = installation
        self._letters = letters
        self._write = write
        self._router = router or router_of(route, topic_partitions)
        self.lanes: dict[int | None, IngressLane] = {}
        self._is_there = False
        self._waiting: asyncio.Task[None] | None = None

    @property
    def router(self) -> Router:
        """Says where a message of this route goes."""
        return self._router

    @property
    def waits_for_stream(self) -> bool:
        """Whether this worker would carry the route if its stream were there."""
        return self._waiting is not None and not self._is_there

    async def check(self) -> None:
        """Create missing consumers; raise StreamMismatchError when the stream is missing or a consumer is another.

        The stream of an optional route may be missing.
        """
        if not self.route.optional:
            await check_source(self._nc, self.route)
        elif not await source_exists(self._nc, self.route):
            logger.info("route %s waits until stream %s exists", self.route.name, self.route.source.stream)
            return
        self._is_there = True
        for declared in consumers_of(self.route, self._installation.partitions):
            await ensure_consumer(self._nc, self.route.source.stream, declared)

    def own(self, partitions: frozenset[int]) -> None:
        """Begin to carry for partitions that this worker owns now."""
        if self.route.per_partition:
            numbers: set[int | None] = set(partitions)
        else:
            numbers = {None} if owner_of(self.route, self._installation.partitions) in partitions else set()
        if self._is_there:
            self._begin(numbers)
        elif numbers and self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_task(self._begin_later(numbers))

    async def disown(self) -> None:
        """Stop carrying; what Kafka has is acknowledged."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            await end(waiting)
        lanes, self.lanes = self.lanes, {}
        await stop_all(lanes.values())

    async def _begin_later(self, numbers: set[int | None]) -> None:
        while True:
            try:
                self._is_there = await source_exists(self._nc, self.route)
            except (BridgeError, NatsError, TimeoutError, OSError) as error:
                logger.debug("route %s could not look for its stream: %s", self.route.name, type(error).__name__)
            if self._is_there:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
        logger.info("route %s begins: stream %s exists", self.route.name, self.route.source.stream)
        self._begin(numbers)

    def _begin(self, numbers: set[int | None]) -> None:
        for number in numbers - self.lanes.keys():
            self.lanes[number] = self._lane(number)
            self.lanes[number].start()

    def _lane(self, partition: int | None) -> IngressLane:
        stream, declared = self.route.source.stream, _consumer(self.route, partition, self._installation.partitions)
        return IngressLane(
            self._nc,
            stream=stream,
            consumer=declared["durable_name"],
            topic=self.route.target.topic,
            route=self._router if self.route.source.partitions is None else _only(partition, self._router),
            headers=IngressHeaders(self.route, self._installation.name),
            reject=self._reject,
            write=self._write,
            batch=self.route.bounds.batch,
            max_bytes=self.route.bounds.bytes,
            ensure=functools.partial(ensure_consumer, self._nc, stream, declared),
        )

    async def _reject(self, delivery: Delivery, error: UnmappableError) -> None:
        await self._letters.store(
            DeadLetter(
                consumer=self.route.name,
                source=self.route.source.stream,
                sequence=delivery.stream_sequence,
                subject=delivery.subject,
                cause=error.cause,
                reason=error.reason,
                data=delivery.data,
            )
        )


async def check_source(nc: Client, route: IngressRoute) -> None:
    """Raise StreamMismatchError when the stream of a route is missing."""
    if not await source_exists(nc, route):
        raise StreamMismatchError(f'route "{route.name}": stream {route.source.stream} does not exist')


async def source_exists(nc: Client, route: IngressRoute) -> bool:
    """Whether the stream of a route is there."""
    try:
        await api(nc, f"STREAM.INFO.{route.source.stream}")
    except JetStreamError as error:
        if error.code != STREAM_NOT_FOUND:
            raise
        return False
    return True


async def waiting_of(nc: Client, stream: str, consumer: str) -> int:
    """Messages of a consumer that are not acknowledged; 0 while it, or its stream, does not exist."""
    try:
        info: Mapping[str, Any] = await api(nc, f"CONSUMER.INFO.{stream}.{consumer}")
    except JetStreamError as error:
        if error.code not in (CONSUMER_NOT_FOUND, STREAM_NOT_FOUND):
            raise
        return 0
    return int(info["num_pending"]) + int(info["num_ack_pending"])


def _only(partition: int | None, router: Router) -> Router:
    """What belongs to other partitions is passed over: their own consumers read it, too."""

    def route(delivery: Delivery) -> Destination | None:
        destination = router(delivery)
        assert isinstance(destination, Destination), "a partition that comes from the key is known at once"
        return destination if destination.partition == partition else None

    return route


def _consumer(route: IngressRoute, partition: int | None, partitions: int) -> dict[str, Any]:
    declared: dict[str, Any] = {
        "durable_name": route.consumer(partition),
        "deliver_policy": "all",
        "ack_policy": "all",
        # Redelivery behind a running reader would break order; a reader that dies is replaced by a reset long before.
        "ack_wait": 60 * SECOND_NS,
        "max_deliver": -1,
        "max_ack_pending": 50_000,
        "max_waiting": 512,
    }
    filters = route.filters(partition, partitions)
    if len(filters) == 1:
        declared["filter_subject"] = filters[0]
    elif filters:
        declared["filter_subjects"] = filters
    return declared
