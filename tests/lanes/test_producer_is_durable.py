"""The producer tells true offsets, and a failed write never wedges the writes behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka.errors import KafkaError

from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord

if TYPE_CHECKING:
    from tests.lanes.conftest import MakeTopic, ReadTopic


def _records(*values: bytes | None, key: bytes = b"ada") -> list[OutgoingRecord]:
    return [OutgoingRecord(key, value, 1_700_000_000_000) for value in values]


async def test_each_record_stands_at_the_offset_that_was_told(
    producer: DurableProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic = await make_topic(partitions=2)
    await producer.write([OutgoingBatch(topic, 1, _records(b"before"))])

    first, second, third = await producer.write(
        [
            OutgoingBatch(topic, 1, _records(b"a", b"b")),
            OutgoingBatch(topic, 0, _records(b"c")),
            OutgoingBatch(topic, 1, _records(b"d", b"e", b"f")),
        ]
    )

    stored = {(at, record.offset): record.value for at in (0, 1) for record in await read_topic(topic, at)}
    assert [stored[1, offset] for offset in first] == [b"a", b"b"]
    assert [stored[0, offset] for offset in second] == [b"c"]
    assert [stored[1, offset] for offset in third] == [b"d", b"e", b"f"]


async def test_a_batch_larger_than_a_produce_batch_keeps_order_and_offsets(
    producer: DurableProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic = await make_topic()
    values = [bytes([number]) * 5000 for number in range(20)]

    [offsets] = await producer.write([OutgoingBatch(topic, 0, _records(*values))])

    assert offsets == list(range(20))
    assert [record.value for record in await read_topic(topic, 0)] == values


async def test_one_record_larger_than_a_produce_batch_is_written(
    producer: DurableProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic = await make_topic()

    assert await producer.write([OutgoingBatch(topic, 0, _records(b"a", b"x" * 50_000, b"b"))]) == [[0, 1, 2]]

    assert [len(record.value) for record in await read_topic(topic, 0)] == [1, 50_000, 1]


async def test_key_headers_time_and_tombstones_arrive(
    producer: DurableProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic = await make_topic()
    tombstone = OutgoingRecord(b"gone", None, 1_700_000_000_001)
    full = OutgoingRecord(b"ada", b"1", 1_700_000_000_000, [("name", b"\x00"), ("other", b"2")])

    await producer.write([OutgoingBatch(topic, 0, [full, tombstone])])

    first, second = await read_topic(topic, 0)
    assert (first.key, first.value, first.timestamp) == (b"ada", b"1", 1_700_000_000_000)
    assert list(first.headers) == [("name", b"\x00"), ("other", b"2")]
    assert (second.key, second.value) == (b"gone", None)


async def test_it_writes_again_after_a_failed_write(
    producer: DurableProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    good = await make_topic("good")
    narrow = await make_topic("narrow", settings={"max.message.bytes": "1000"})

    for number in range(3):
        with pytest.raises(KafkaError):
            await producer.write(
                [OutgoingBatch(good, 0, _records(b"maybe")), OutgoingBatch(narrow, 0, _records(b"x" * 2000))]
            )
        [[offset]] = await producer.write([OutgoingBatch(narrow, 0, _records(b"%d" % number))])
        assert offset == number

    assert [record.value for record in await read_topic(narrow, 0)] == [b"0", b"1", b"2"]


async def test_a_stop_also_ends_the_session_that_a_failed_write_left_behind(
    producer: DurableProducer, make_topic: MakeTopic
) -> None:
    narrow = await make_topic("narrow", settings={"max.message.bytes": "1000"})
    others = asyncio.all_tasks()
    with pytest.raises(KafkaError):
        await producer.write([OutgoingBatch(narrow, 0, _records(b"x" * 2000))])

    await producer.stop()

    assert asyncio.all_tasks() - others == set()


async def test_after_a_refused_batch_nothing_later_of_its_partition_is_stored(
    producer: DurableProducer, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    narrow = await make_topic("narrow", settings={"max.message.bytes": "8000"})

    with pytest.raises(KafkaError):
        # The first produce batch is as large as it may be and refused; the second would be small enough.
        await producer.write([OutgoingBatch(narrow, 0, _records(*[b"x" * 1000] * 18))])

    await asyncio.sleep(0.1)
    assert await read_topic(narrow, 0) == []


async def test_nothing_to_write_needs_no_answer(producer: DurableProducer) -> None:
    assert await producer.write([]) == []


async def test_a_batch_without_records_has_no_offsets(producer: DurableProducer, make_topic: MakeTopic) -> None:
    topic = await make_topic()

    assert await producer.write(
        [OutgoingBatch(topic, 0, []), OutgoingBatch(topic, 0, _records(b"a")), OutgoingBatch(topic, 0, [])]
    ) == [[], [0], []]


async def test_a_broker_that_does_not_answer_is_an_error_of_the_start() -> None:
    unreachable = DurableProducer("127.0.0.1:1", client_id="test", max_batch_bytes=1000)

    with pytest.raises(KafkaError):
        await unreachable.start()
    await unreachable.stop()
