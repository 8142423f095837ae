"""How far each route is behind, read from the servers, so that it is known without any worker."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from nats.aio.client import Client

from bridge.checkpoint import Checkpoint
from bridge.ingress_route import declared_consumers, waiting_of
from bridge.routes import EgressRoute, Route
from connections.kafka_cluster import KafkaCluster, kafka_options


async def lags(nc: Client, kafka: KafkaCluster | str, routes: Sequence[Route], partitions: int) -> dict[str, int]:
    """Per route the messages that are not carried yet. Raises the client's error when a server does not answer."""
    found: dict[str, int] = {}
    for route in routes:
        if not isinstance(route, EgressRoute):
            found[route.name] = sum(
                [
                    await waiting_of(nc, stream, one["durable_name"])
                    for stream, one in declared_consumers([route], partitions)
                ]
            )
    egress = [route for route in routes if isinstance(route, EgressRoute)]
    if not egress:
        return found
    consumer = AIOKafkaConsumer(**kafka_options(kafka))
    await consumer.start()
    try:
        for route in egress:
            found[route.name] = await _behind(nc, consumer, route)
    finally:
        await consumer.stop()
    return found


async def _behind(nc: Client, consumer: AIOKafkaConsumer, route: EgressRoute) -> int:
    topic, target = route.source.topic, route.target
    # The list of partitions is fetched with the topics; a consumer without a subscription knows none.
    await consumer.topics()
    tps = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    ends = await consumer.end_offsets(tps)
    begins = await consumer.beginning_offsets(tps)
    behind = 0
    for tp in tps:
        position = await Checkpoint(nc, target.stream, route.checkpoint, topic, tp.partition).read()
        behind += ends[tp] - max(begins[tp], position.offset if position is not None else 0)
    return behind
