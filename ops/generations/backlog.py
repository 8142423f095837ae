"""What a generation has not done yet, read from the servers, so that it is true whatever workers believe.

Guarantee: `waiting` reads what is carried before it reads what is folded. So a zero means that all that the stream held when it was called
is folded, with its effects, unless somebody carries on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from nats.aio.client import Client

from agents.follow_outcomes import followed_up_to, outcomes_changelog
from bridge.ingress_route import consumers_of
from bridge.jetstream import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, JetStreamError, api
from bridge.routes import IngressRoute
from config.settings import Settings
from config.topics import topic_of
from connections.kafka_cluster import kafka_options
from ops.installation import routes_of

REQUEST_TIMEOUT_MS = 10_000


class Backlog:
    """Reads what waits; one for as long as somebody looks at several generations."""

    def __init__(self, nc: Client, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        self._nc = nc
        self._admin = admin
        self._reader = reader

    async def waiting(self, settings: Settings, topic: str) -> int:
        """Messages that are not carried to one of our topics yet, and records of it that are not folded yet."""
        return await self.uncarried(settings, topic) + await self.unfolded(settings, topic)

    async def uncarried(self, settings: Settings, topic: str) -> int:
        """Messages for a topic that its consumers have not acknowledged; one that two consumers read counts twice."""
        infos = [
            info for route in feeding(settings, topic) for info in (await self.consumers(settings, route)).values()
        ]
        return sum(int(info["num_pending"]) + int(info["num_ack_pending"]) for info in infos)

    async def consumers(self, settings: Settings, route: IngressRoute) -> Mapping[str, Mapping[str, Any]]:
        """What the server says of the consumers of a route that exist, by name."""

        async def info(name: str) -> tuple[str, Mapping[str, Any]] | None:
            try:
                return name, await api(self._nc, f"CONSUMER.INFO.{route.source.stream}.{name}")
            except JetStreamError as error:
                if error.code not in (CONSUMER_NOT_FOUND, STREAM_NOT_FOUND):
                    raise
                return None

        names = [one["durable_name"] for one in consumers_of(route, settings.partitions)]
        return dict(filter(None, await asyncio.gather(*(info(name) for name in names))))

    async def unfolded(self, settings: Settings, topic: str) -> int:
        """Records of a topic above the committed offsets of the generation's group."""
        name = topic_of(topic, settings.generation)
        partitions = [TopicPartition(name, one) for one in range(settings.partitions)]
        ends = await self._reader.end_offsets(partitions)
        begins = await self._reader.beginning_offsets(partitions)
        committed = await self._admin.list_consumer_group_offsets(settings.app_id, partitions=partitions)
        done = {tp: max(committed[tp].offset if tp in committed else 0, begins[tp]) for tp in partitions}
        return sum(max(0, ends[tp] - done[tp]) for tp in partitions)

    async def unfollowed(self, source: Settings, target: Settings) -> int:
        """Rows in the changelog of the outcomes of one generation that another has not followed yet."""
        partitions = [TopicPartition(outcomes_changelog(source.app_id), one) for one in range(source.partitions)]
        ends = await self._reader.end_offsets(partitions)
        begins = await self._reader.beginning_offsets(partitions)
        followed = await asyncio.gather(
            *(followed_up_to(self._nc, target.generation, source.app_id, tp.partition) for tp in partitions)
        )
        return sum(max(0, ends[tp] - max(one, begins[tp])) for tp, one in zip(partitions, followed, strict=True))


def feeding(settings: Settings, topic: str) -> Iterable[IngressRoute]:
    """The routes of a generation that feed one of our topics."""
    name = topic_of(topic, settings.generation)
    return [one for one in routes_of(settings) if isinstance(one, IngressRoute) and one.target.topic == name]


@asynccontextmanager
async def backlog_of(nc: Client, settings: Settings) -> AsyncIterator[Backlog]:
    """A backlog with connections of its own; raises KafkaError when the cluster cannot be reached."""
    options = kafka_options(settings.kafka)
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=REQUEST_TIMEOUT_MS)
    reader = AIOKafkaConsumer(**options, request_timeout_ms=REQUEST_TIMEOUT_MS, enable_auto_commit=False)
    try:
        await admin.start()
        await reader.start()
        yield Backlog(nc, admin, reader)
    finally:
        await reader.stop()
        await admin.close()
