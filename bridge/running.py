"""All routes of one worker: checked at its start, carried while it owns what they need, and what they report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.dead_letters import DeadLetters
from bridge.egress_redrive import EgressRedrive
from bridge.egress_route import Installation, RunningEgress
from bridge.errors import BridgeError
from bridge.ingress import KafkaWriter, Router
from bridge.ingress_redrive import IngressRedrive
from bridge.ingress_route import RunningIngress, check_source
from bridge.routes import EgressRoute, IngressRoute, Route
from bridge.target_stream import limits_of_target
from connections.kafka_cluster import KafkaCluster, kafka_options

TOPIC_KNOWN_WITHIN_S = 3.0


class RunningRoutes:
    """The routes of an installation as one worker carries them."""

    def __init__(
        self,
        nc: Client,
        routes: Sequence[Route],
        installation: Installation,
        letters: DeadLetters,
        *,
        write: KafkaWriter,
        routers: Mapping[str, Router],
    ) -> None:
        self._nc = nc
        self._routes = routes
        self._installation = installation
        self._letters = letters
        self._write = write
        self._routers = routers
        self.ingress: list[RunningIngress] = []
        self.egress: list[RunningEgress] = []
        self._joined: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The routes that there are."""
        return [route.name for route in self._routes]

    async def check(self) -> None:
        """Create missing consumers and check streams and topics; raises BridgeError that names the route and what to do."""
        partitions = await topic_partitions(self._installation.kafka, self._routes)
        for route in self._routes:
            if isinstance(route, IngressRoute):
                self.ingress.append(
                    RunningIngress(
                        self._nc,
                        route,
                        self._installation,
                        self._letters,
                        write=self._write,
                        topic_partitions=partitions[route.target.topic],
                        router=self._routers[route.router] if route.router is not None else None,
                    )
                )
            else:
                self.egress.append(RunningEgress(self._nc, route, self._installation, self._letters))
        for ingress in self.ingress:
            await ingress.check()
        for egress in self.egress:
            await egress.check()

    async def start(self) -> None:
        """Join the groups of egress routes. Ingress begins with `own`."""
        for egress in self.egress:
            await self._join(egress)

    async def stop(self) -> None:
        """Stop everything."""
        await asyncio.gather(self.disown(), *(egress.stop() for egress in self.egress))

    def own(self, partitions: frozenset[int]) -> None:
        """Carry the ingress of partitions that this worker owns now."""
        for ingress in self.ingress:
            ingress.own(partitions)

    async def disown(self) -> None:
        """Stop all ingress."""
        await asyncio.gather(*(ingress.disown() for ingress in self.ingress))

    async def carry(self, wanted: Callable[[Route], bool], partitions: frozenset[int]) -> None:
        """Carry the wanted routes, ingress for partitions that this worker owns now, and stop all others."""
        for ingress in self.ingress:
            if wanted(ingress.route):
                ingress.own(partitions)
        await asyncio.gather(*(ingress.disown() for ingress in self.ingress if not wanted(ingress.route)))
        for number, egress in enumerate(self.egress):
            if wanted(egress.route):
                await self._join(egress)
            elif egress.route.name in self._joined:
                self._joined.remove(egress.route.name)
                await egress.stop()
                self.egress[number] = RunningEgress(self._nc, egress.route, self._installation, self._letters)

    async def _join(self, egress: RunningEgress) -> None:
        if egress.route.name not in self._joined:
            self._joined.add(egress.route.name)
            await egress.start()

    def ingress_redrive(self, name: str) -> IngressRedrive | None:
        """Redrives of an ingress route by its name, None when this installation has no such route."""
        found = next((one for one in self.ingress if one.route.name == name), None)
        if found is None:
            return None
        return IngressRedrive(self._nc, found.route, self._installation.name, write=self._write, router=found.router)

    def egress_redrive(self, name: str) -> EgressRedrive | None:
        """Redrives of an egress route by its name, None when this installation has no such route."""
        found = next((one for one in self.egress if one.route.name == name), None)
        if found is None:
            return None
        return EgressRedrive(self._nc, found.route, self._installation.name, self._installation.kafka)

    def report(self) -> list[dict[str, Any]]:
        """What this worker carries: one entry per route with its consumers or partitions, counters, rate and last error."""
        return [*(_ingress_report(one) for one in self.ingress), *(_egress_report(one) for one in self.egress)]


async def check_routes(nc: Client, kafka: KafkaCluster | str, routes: Sequence[Route]) -> list[str]:
    """What of streams, consumers and topics does not fit the routes, one text each; nothing is created."""
    wrong: list[str] = []
    for route in routes:
        try:
            await topic_partitions(kafka, [route])
            if isinstance(route, IngressRoute):
                if not route.optional:
                    await check_source(nc, route)
            else:
                await limits_of_target(nc, route)
        except (BridgeError, KafkaError, NatsError, OSError) as error:
            wrong.append(str(error) or type(error).__name__)
    return wrong


async def topic_partitions(kafka: KafkaCluster | str, routes: Sequence[Route]) -> dict[str, int]:
    """The number of partitions of each topic of the routes; raises BridgeError for a missing one."""
    wanted = {topic_of(route) for route in routes}
    admin = AIOKafkaAdminClient(**kafka_options(kafka), request_timeout_ms=10_000)
    await admin.start()
    try:
        # Not every broker knows at once a topic that was created a moment ago.
        deadline = asyncio.get_running_loop().time() + TOPIC_KNOWN_WITHIN_S
        while True:
            described = await admin.describe_topics() if wanted else []
            found = {topic["topic"]: len(topic["partitions"]) for topic in described if topic["partitions"]}
            if wanted <= found.keys() or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    for route in routes:
        if topic_of(route) not in found:
            raise BridgeError(f'route "{route.name}": topic {topic_of(route)} does not exist in Kafka; create it')
    return {topic: found[topic] for topic in wanted}


def topic_of(route: Route) -> str:
    """The Kafka side of a route."""
    return route.source.topic if isinstance(route, EgressRoute) else route.target.topic


def _ingress_report(running: RunningIngress) -> dict[str, Any]:
    lanes = running.lanes
    return {
        "name": running.route.name,
        "carries": [lane.name for _, lane in sorted(lanes.items(), key=lambda item: item[0] or 0)],
        "carried": sum(lane.carried for lane in lanes.values()),
        "rejected": sum(lane.rejected for lane in lanes.values()),
        "looped": sum(lane.looped for lane in lanes.values()),
        "failures": sum(lane.failures for lane in lanes.values()),
        "rate": sum(lane.rate.per_second() for lane in lanes.values()),
        "last_error": next((lane.last_error for lane in lanes.values() if lane.last_error), None),
        "waits_for_stream": running.waits_for_stream,
    }


def _egress_report(running: RunningEgress) -> dict[str, Any]:
    lanes = running.source.lanes()
    return {
        "name": running.route.name,
        "carries": [f"{running.route.source.topic}[{lane.partition}]" for lane in lanes],
        "carried": sum(lane.carried for lane in lanes),
        "rejected": sum(lane.rejected for lane in lanes),
        "looped": sum(lane.looped for lane in lanes),
        "deleted": sum(lane.deleted for lane in lanes),
        "paused": sum(lane.paused for lane in lanes),
        "held": sum(lane.held for lane in lanes),
        "failures": sum(lane.failures for lane in lanes) + running.source.failures,
        "rate": sum(lane.rate.per_second() for lane in lanes),
        "last_error": next((lane.last_error for lane in lanes if lane.last_error), None) or running.source.last_error,
    }
