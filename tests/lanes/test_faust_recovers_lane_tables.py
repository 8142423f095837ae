"""A lane table is Faust's: a worker that lost its data folder gets the same rows back from the changelog."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints
from tests.lanes.toy_worker import ToyWorker

if TYPE_CHECKING:
    from tests.lanes.conftest import ReadTopic


@pytest.fixture
async def toy(servers: Endpoints, unique: str, tmp_path: Path) -> Any:
    worker = ToyWorker(unique, servers, tmp_path)
    topics = [
        Topic(worker.topic, 2, 1, {}),
        Topic(worker.changelog, 2, 1, {"cleanup.policy": "compact"}),
    ]
    await ensure_topics(servers.kafka_bootstrap, topics)
    yield worker
    worker.stop()


async def test_rows_are_the_same_after_the_data_folder_was_lost(
    toy: ToyWorker, producer: DurableProducer, servers: Endpoints, read_topic: ReadTopic
) -> None:
    words = {0: [b"ada"] * 3 + [b"grace"] * 2 + [b"gone"], 1: [b"linus"] * 300}
    for partition, keys in words.items():
        await producer.write([OutgoingBatch(toy.topic, partition, [OutgoingRecord(key, b"1", 0) for key in keys])])
    await producer.write([OutgoingBatch(toy.topic, 0, [OutgoingRecord(b"gone", None, 0)])])
    expected = {0: {b"ada": b"3", b"grace": b"2"}, 1: {b"linus": b"300"}}

    toy.start()
    toy.await_committed(307, "counting")
    toy.stop()
    assert toy.rows() == expected
    assert toy.offsets() == [(await read_topic(toy.changelog, partition))[-1].offset for partition in (0, 1)]
    assert await toy.committed_offsets() == [7, 300]

    shutil.rmtree(toy.data)
    await producer.write([OutgoingBatch(toy.topic, 0, [OutgoingRecord(b"ada", b"1", 0)])])
    toy.start(TOY_OWN="1")
    # The record that came meanwhile, then those that the worker writes and hands over itself: each once.
    told = toy.await_committed(21, "after the loss")
    toy.stop()

    assert told == [(0, offset) for offset in range(7, 28)]
    assert toy.rows() == {
        0: {**expected[0], b"ada": b"4", **{b"own-%d" % number: b"1" for number in range(20)}},
        1: expected[1],
    }
    assert await toy.committed_offsets() == [28, 300]


async def test_what_was_fetched_before_the_lanes_had_started_is_fetched_again(
    toy: ToyWorker, producer: DurableProducer
) -> None:
    await producer.write([OutgoingBatch(toy.topic, 1, [OutgoingRecord(b"ada", b"1", 0)] * 5)])

    toy.start(TOY_LATE="1")

    assert toy.await_committed(5, "counting") == [(1, offset) for offset in range(5)]


async def test_a_worker_whose_stop_hangs_ends_all_the_same(toy: ToyWorker, producer: DurableProducer) -> None:
    await producer.write([OutgoingBatch(toy.topic, 0, [OutgoingRecord(b"ada", b"1", 0)])])
    toy.start(TOY_HANGS="1")
    toy.await_committed(1, "counting")

    assert toy.stop() == 1

    assert "stopping has not ended" in toy.log


async def test_a_lane_whose_fetch_was_lost_reads_it_again_before_it_goes_on(
    toy: ToyWorker, producer: DurableProducer, servers: Endpoints
) -> None:
    first, second = [b"ada"] * 5, [b"ada"] * 3 + [b"grace"]
    await producer.write([OutgoingBatch(toy.topic, 0, [OutgoingRecord(key, b"1", 0) for key in first])])

    toy.start(TOY_DROP="1")
    assert toy.await_dropped() == (0, 0, 4)
    await producer.write([OutgoingBatch(toy.topic, 0, [OutgoingRecord(key, b"1", 0) for key in second])])
    told = toy.await_committed(9, "behind the lost fetch")
    toy.stop()

    assert told == [(0, offset) for offset in range(9)]
    assert toy.rows()[0] == {b"ada": b"8", b"grace": b"1"}
    assert await toy.committed_offsets() == [9, 0]


async def test_a_lane_goes_on_at_the_earliest_record_when_the_log_was_cut_behind_its_back(
    toy: ToyWorker, producer: DurableProducer, servers: Endpoints
) -> None:
    keys = [b"ada"] * 5
    await producer.write([OutgoingBatch(toy.topic, 0, [OutgoingRecord(key, b"1", 0) for key in keys])])
    toy.start(TOY_DROP="1")
    toy.await_dropped()
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(toy.topic, 0): RecordsToDelete(before_offset=3)})
    await admin.close()

    await producer.write([OutgoingBatch(toy.topic, 0, [OutgoingRecord(b"grace", b"1", 0)])])
    told = toy.await_committed(3, "behind the cut")
    toy.stop()

    assert told == [(0, 3), (0, 4), (0, 5)]
    assert toy.rows()[0] == {b"ada": b"2", b"grace": b"1"}
    assert "records 0 to 2 were deleted before the lane had read them" in toy.log
