"""Creates the declared Kafka topics, or checks those that exist and names every difference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from bridge.errors import BridgeError
from connections.kafka_cluster import KafkaCluster, kafka_options

PATIENCE_S = 20.0
"""How long a cluster may take until every broker knows who leads."""


class DeclaredTopic(Protocol):
    """What a topic must be."""

    @property
    def name(self) -> str:
        """Name of the topic."""

    @property
    def partitions(self) -> int:
        """Number of partitions; never changed on an existing topic."""

    @property
    def replicas(self) -> int:
        """Replication factor."""

    @property
    def settings(self) -> Mapping[str, str]:
        """Topic settings by their Kafka names."""


class TopicMismatchError(BridgeError):
    """A topic exists with another configuration."""


async def ensure_topics(kafka: KafkaCluster | str, declared: Iterable[DeclaredTopic]) -> None:
    """Create missing topics; raise TopicMismatchError when an existing one differs in partitions or a declared setting, or has fewer replicas.

    While a cluster elects, it is asked again; raises BridgeError when that took 20 s.
    """
    declared = list(declared)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while True:
        try:
            return await _ensure_topics(kafka, declared)
        except (KafkaError, TimeoutError) as error:
            if isinstance(error, KafkaError) and not error.retriable:
                raise
            if loop.time() > deadline:
                raise BridgeError(
                    f"Kafka at {kafka} did not tell its topics within {PATIENCE_S:g} s ({type(error).__name__})"
                ) from error
            await asyncio.sleep(0.5)


async def _ensure_topics(kafka: KafkaCluster | str, declared: Iterable[DeclaredTopic]) -> None:
    admin = AIOKafkaAdminClient(**kafka_options(kafka), request_timeout_ms=10_000)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        for topic in declared:
            if topic.name in existing:
                await _check(admin, topic)
            else:
                response = await admin.create_topics(
                    [NewTopic(topic.name, topic.partitions, topic.replicas, topic_configs=dict(topic.settings))]
                )
                for _, code, *message in response.topic_errors:
                    # 36: another worker created it a moment ago.
                    if code not in (0, 36):
                        raise BridgeError(f"topic {topic.name} could not be created: {message} (error {code})")
    finally:
        await admin.close()


async def differences_of(admin: AIOKafkaAdminClient, topic: DeclaredTopic) -> list[str]:
    """What of an existing topic is not as it is declared; raises the client's error when the cluster does not tell."""
    differences = []
    description = (await admin.describe_topics([topic.name]))[0]
    partitions = len(description["partitions"])
    if partitions != topic.partitions:
        differences.append(f"partitions is {partitions}, declared {topic.partitions}")
    # More than declared do no harm; an operator may have moved some.
    replicas = min(len(partition["replicas"]) for partition in description["partitions"])
    if replicas < topic.replicas:
        differences.append(f"replicas is {replicas}, declared {topic.replicas}")
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name)])
    found = {entry[0]: entry[1] for response in responses for resource in response.resources for entry in resource[4]}
    differences += [
        f"{name} is {found.get(name)!r}, declared {wanted!r}"
        for name, wanted in topic.settings.items()
        if found.get(name) != wanted
    ]
    return differences


async def _check(admin: AIOKafkaAdminClient, topic: DeclaredTopic) -> None:
    differences = await differences_of(admin, topic)
    if differences:
        raise TopicMismatchError(
            f"topic {topic.name} exists with another configuration: {'; '.join(differences)}. "
            f"Change the topic or the declaration in config/topics.py so that both agree."
        )
