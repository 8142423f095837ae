"""Declared Kafka topics are created once; a difference to what exists is named, never repaired silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.errors import BridgeError
from bridge.topics import TopicMismatchError, ensure_topics
from config import topics
from config.settings import Settings
from config.topics import Topic
from local.stack import Endpoints

if TYPE_CHECKING:
    from tests.bridge.conftest import ReadTopic


async def test_a_missing_topic_is_created_with_its_partitions(
    servers: Endpoints, unique: str, read_topic: ReadTopic
) -> None:
    await ensure_topics(servers.kafka_bootstrap, [Topic(unique, 3, 1, {})])

    for partition in range(3):
        assert await read_topic(unique, partition) == []


async def test_an_equal_topic_is_left_alone(servers: Endpoints, unique: str) -> None:
    declared = [Topic(unique, 2, 1, {"cleanup.policy": "compact", "retention.ms": "-1"})]

    await ensure_topics(servers.kafka_bootstrap, declared)
    await ensure_topics(servers.kafka_bootstrap, declared)


async def test_each_difference_of_a_topic_is_named_with_both_values(servers: Endpoints, unique: str) -> None:
    await ensure_topics(servers.kafka_bootstrap, [Topic(unique, 2, 1, {"cleanup.policy": "delete"})])

    with pytest.raises(TopicMismatchError) as mismatch:
        await ensure_topics(
            servers.kafka_bootstrap, [Topic(unique, 3, 1, {"cleanup.policy": "compact", "retention.ms": "5"})]
        )

    assert str(mismatch.value).startswith(f"topic {unique} exists with another configuration: ")
    assert "partitions is 2, declared 3" in str(mismatch.value)
    assert "cleanup.policy is 'delete', declared 'compact'" in str(mismatch.value)
    assert "retention.ms is '-1', declared '5'" in str(mismatch.value)


async def test_a_topic_with_fewer_replicas_than_declared_is_refused(servers: Endpoints, unique: str) -> None:
    await ensure_topics(servers.kafka_bootstrap, [Topic(unique, 2, 1, {})])

    with pytest.raises(TopicMismatchError, match="replicas is 1, declared 3"):
        await ensure_topics(servers.kafka_bootstrap, [Topic(unique, 2, 3, {})])


async def test_a_topic_that_the_broker_refuses_is_an_error(servers: Endpoints, unique: str) -> None:
    with pytest.raises(BridgeError, match=f"topic {unique} could not be created"):
        await ensure_topics(servers.kafka_bootstrap, [Topic(unique, 1, 1, {"cleanup.policy": "sometimes"})])


async def test_the_changelogs_of_the_application_can_be_declared_again(servers: Endpoints, unique: str) -> None:
    settings = Settings(app_id=unique, partitions=1)
    changelogs = [topic for topic in topics.declared_by(settings) if topic.name.startswith(unique)]
    assert len(changelogs) == len(topics.TABLES)

    await ensure_topics(servers.kafka_bootstrap, changelogs)
    await ensure_topics(servers.kafka_bootstrap, changelogs)
