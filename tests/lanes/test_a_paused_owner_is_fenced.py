"""A worker that was paused in the middle of a cycle until another one took over changes neither changelog nor tables."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints
from tests.lanes.toy_worker import ToyWorker

if TYPE_CHECKING:
    from tests.lanes.conftest import ReadTopic


@pytest.fixture
def workers(unique: str, servers: Endpoints, tmp_path: Path) -> Iterator[tuple[ToyWorker, ToyWorker]]:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first, second = (ToyWorker(unique, servers, folder) for folder in folders)
    yield first, second
    first.stop()
    second.stop()


async def test_what_a_paused_owner_writes_after_a_take_over_is_refused_and_it_serves_again(
    workers: tuple[ToyWorker, ToyWorker], producer: DurableProducer, servers: Endpoints, read_topic: ReadTopic
) -> None:
    first, second = workers
    topics = [Topic(first.topic, 2, 1, {}), Topic(first.changelog, 2, 1, {"cleanup.policy": "compact"})]
    await ensure_topics(servers.kafka_bootstrap, topics)

    async def write(*keys: bytes) -> None:
        await producer.write([OutgoingBatch(first.topic, 0, [OutgoingRecord(key, b"1", 0) for key in keys])])

    first.start()
    (first.data / "pausing").touch()
    await write(b"ada", b"ada")
    first.await_committed(2, "before the pause")
    async with asyncio.timeout(20):
        while await first.committed_offsets() != [2, 0]:
            pass
    await write(b"ada", b"pause")
    first.await_paused()

    second.start()
    # The rows of the cycle that was paused were never written: its records come again, and one more.
    await write(b"ada")
    second.await_committed(3, "after the take-over")
    first.resume()
    first.await_log("the broker refused a write")
    first.await_log("Worker ready", times=2)
    second.stop()
    await write(b"ada")
    first.await_log("Worker ready", times=3)
    first.await_committed(3, "alone again")
    first.stop()

    written = [(record.key, record.value) for record in await read_topic(first.changelog, 0)]
    counts = [value for key, value in written if key == b"ada"]
    assert dict(written)[b"ada"] == b"5"
    assert dict(written)[b"pause"] == b"1"
    assert counts == sorted(counts), "an older row stands behind a newer one"
    assert first.rows()[0] == second.rows()[0] | {b"ada": b"5"} == {b"ada": b"5", b"pause": b"1"}
