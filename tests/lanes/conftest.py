"""Tables, topics and producers of their own for the tests of lanes, on the shared Kafka, so that the application's are left alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import faust
import pytest

from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.fenced_producer import FencedProducer
from lanes.lane import Lane
from lanes.producer import DurableProducer
from lanes.record import Record
from lanes.table import LaneTable
from lanes.table_memory import TableMemory
from local.stack import Endpoints

MakeTopic = Callable[..., Awaitable[str]]
MakeTable = Callable[..., Awaitable[LaneTable]]
MakeLane = Callable[..., Lane]
ReadTopic = Callable[[str, int], Awaitable[Sequence[Any]]]
Eventually = Callable[[Callable[[], bool]], Awaitable[None]]
Records = Callable[[int, int], list[Record]]

MAX_BATCH_BYTES = 16 << 10


@pytest.fixture
def unique() -> str:
    """A word that no other test uses, for topics and application ids."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def make_topic(servers: Endpoints, unique: str) -> MakeTopic:
    """Create a topic of this test."""

    async def make(name: str = "topic", partitions: int = 1, settings: Mapping[str, str] | None = None) -> str:
        topic = Topic(f"{unique}-{name}", partitions, 1, dict(settings or {}))
        await ensure_topics(servers.kafka_bootstrap, [topic])
        return topic.name

    return make


@pytest.fixture
async def producer(servers: Endpoints) -> AsyncIterator[DurableProducer]:
    """A producer as the bridge uses it, with small batches."""
    durable = DurableProducer(servers.kafka_bootstrap, client_id="test-lanes", max_batch_bytes=MAX_BATCH_BYTES)
    yield durable
    await durable.stop()


@pytest.fixture
async def fenced(servers: Endpoints, unique: str) -> AsyncIterator[FencedProducer]:
    """A producer as lanes use it, with small batches and the first partitions claimed."""
    owner = FencedProducer(
        servers.kafka_bootstrap, name=unique, client_id="test-lanes-fenced", max_batch_bytes=MAX_BATCH_BYTES
    )
    await owner.claim(range(4))
    yield owner
    await owner.stop()


@pytest.fixture
def make_table(servers: Endpoints, unique: str, tmp_path: Path) -> Iterator[MakeTable]:
    """Create a lane table of two partitions with its changelog topic."""
    app = faust.App(unique, broker=f"kafka://{servers.kafka_bootstrap}", store="rocksdb://", datadir=str(tmp_path))
    tables: list[LaneTable] = []

    async def make(name: str, changelog: Mapping[str, str] | None = None) -> LaneTable:
        table = LaneTable(
            app, name, partitions=2, memory=TableMemory(16 << 20, write_buffer_bytes=1 << 20, open_files=64)
        )
        settings = {"cleanup.policy": "compact", **(changelog or {})}
        await ensure_topics(servers.kafka_bootstrap, [Topic(table.changelog_topic, 2, 1, settings)])
        tables.append(table)
        return table

    yield make
    for table in tables:
        for database in table.faust_table.data._dbs.values():
            database.close()


@pytest.fixture
async def make_lane(fenced: FencedProducer) -> AsyncIterator[MakeLane]:
    """Make a lane of partition 0 that is stopped at the end."""
    lanes: list[Lane] = []

    def make(*agents: Any, **settings: Any) -> Lane:
        common = {
            "max_batch": 100,
            "max_backlog": 1000,
            "max_backlog_bytes": 1 << 20,
            "on_drained": lambda: None,
            "on_fenced": lambda: None,
        }
        topic = settings.pop("topic", "topic")
        lane = Lane(topic, 0, agents, settings.pop("producer", fenced), **{**common, **settings})
        lanes.append(lane)
        return lane

    yield make
    for lane in lanes:
        await lane.stop(0.5)


@pytest.fixture
def records() -> Records:
    """Records of the given offsets, both included; key and value are the offset as text."""

    def make(first: int, last: int) -> list[Record]:
        return [Record(offset, b"%d" % offset, b"%d" % offset, {}, 0) for offset in range(first, last + 1)]

    return make


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds; it fails the test after ten seconds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110  # what is observed is no asyncio object
                await asyncio.sleep(0.005)

    return wait
