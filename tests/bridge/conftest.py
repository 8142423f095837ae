"""Streams and topics of their own for the tests of the bridge, on the shared servers, so that the application's are left alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from nats.aio.client import Client

from bridge.jetstream import api
from bridge.streams import ensure_consumer, ensure_stream
from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.producer import DurableProducer
from local.stack import Endpoints

MakeStream = Callable[..., Awaitable[str]]
MakeConsumer = Callable[..., Awaitable[str]]
MakeTopic = Callable[..., Awaitable[str]]
ReadTopic = Callable[[str, int], Awaitable[Sequence[Any]]]
Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
def unique() -> str:
    """A word that no other test uses: a stream name, a subject token, part of a topic name."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
async def make_stream(nc: Client, unique: str) -> AsyncIterator[MakeStream]:
    """Create the stream of this test, over all subjects below its name."""
    made: list[str] = []

    async def make(**settings: Any) -> str:
        common = {"storage": "file", "retention": "limits", "discard": "new", "num_replicas": 1}
        await ensure_stream(nc, {**common, "name": unique, "subjects": [f"{unique}.>"], **settings})
        made.append(unique)
        return unique

    yield make
    for name in made:
        await api(nc, f"STREAM.DELETE.{name}")


@pytest.fixture
def make_consumer(nc: Client) -> MakeConsumer:
    """Create a consumer as ingress uses it; it ends with its stream."""

    async def make(stream: str, **settings: Any) -> str:
        common = {"deliver_policy": "all", "ack_policy": "all", "ack_wait": 60 * 10**9, "max_deliver": -1}
        await ensure_consumer(nc, stream, {"durable_name": "reader", **common, **settings})
        return "reader"

    return make


@pytest.fixture
def make_topic(servers: Endpoints, unique: str) -> MakeTopic:
    """Create the topic of this test."""

    async def make(partitions: int = 1, settings: Mapping[str, str] | None = None) -> str:
        await ensure_topics(servers.kafka_bootstrap, [Topic(unique, partitions, 1, dict(settings or {}))])
        return unique

    return make


@pytest.fixture
async def producer(servers: Endpoints) -> AsyncIterator[DurableProducer]:
    """The producer through which the application's ingress writes."""
    durable = DurableProducer(servers.kafka_bootstrap, client_id="test-bridge", max_batch_bytes=1 << 20)
    yield durable
    await durable.stop()


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds; it fails the test after ten seconds."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await condition():  # noqa: ASYNC110  # the servers send no event for it
                await asyncio.sleep(0.02)

    return wait
