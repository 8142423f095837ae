"""What a cycle stages becomes durable in the changelogs first, visible in the tables second, and nothing in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

import pytest
from aiokafka.errors import KafkaError
from faust.types import TP

from lanes.commit import group_commit
from lanes.fenced_producer import FencedProducer
from lanes.producer import OutgoingBatch, OutgoingRecord
from lanes.table import OFFSET_KEY, LaneTable, TableView
from local.stack import Endpoints

if TYPE_CHECKING:
    from tests.lanes.conftest import MakeTable, MakeTopic, ReadTopic


class HeldProducer(FencedProducer):
    """Writes to Kafka, but withholds the acknowledgement until it is told."""

    def __init__(self, bootstrap: str, name: str) -> None:
        super().__init__(bootstrap, name=name, client_id="held", max_batch_bytes=1 << 20)
        self.acknowledged = asyncio.Event()
        self.written = asyncio.Event()

    async def write(self, partition: int, batches: Iterable[OutgoingBatch]) -> list[list[int]]:
        offsets = await super().write(partition, batches)
        self.written.set()
        await self.acknowledged.wait()
        return offsets


@pytest.fixture
async def held(servers: Endpoints, unique: str) -> AsyncIterator[HeldProducer]:
    producer = HeldProducer(servers.kafka_bootstrap, unique)
    await producer.claim([0])
    yield producer
    await producer.stop()


async def test_a_value_is_visible_only_after_the_acknowledgement(held: HeldProducer, make_table: MakeTable) -> None:
    table = await make_table("counts")
    view = _staged(table, {b"ada": b"1"})

    committing = asyncio.create_task(group_commit(held, 0, [view]))
    try:
        await asyncio.wait_for(held.written.wait(), 60)
        assert table.get(0, b"ada") is None
        assert view.get(b"ada") == b"1"
        held.acknowledged.set()
        await committing
    finally:
        committing.cancel()

    assert table.get(0, b"ada") == b"1"


async def test_the_offset_key_is_the_last_offset_of_the_changelog(
    fenced: FencedProducer, make_table: MakeTable, read_topic: ReadTopic
) -> None:
    table = await make_table("counts")
    for number in range(3):
        await group_commit(fenced, 0, [_staged(table, {b"ada": b"%d" % number, b"grace": b"x"})])

    changelog = await read_topic(table.changelog_topic, 0)

    assert table.database(0).get(OFFSET_KEY) == b"%d" % changelog[-1].offset == b"5"
    assert table.faust_table.data.persisted_offset(TP(table.changelog_topic, 0)) == 5
    assert [(record.key, record.value) for record in changelog[-2:]] == [(b"ada", b"2"), (b"grace", b"x")]


async def test_all_tables_of_a_cycle_are_written_each_to_its_partition(
    fenced: FencedProducer, make_table: MakeTable, read_topic: ReadTopic
) -> None:
    one, other, untouched = await make_table("one"), await make_table("other"), await make_table("untouched")

    await group_commit(
        fenced,
        1,
        [_staged(one, {b"a": b"1"}, 1), _staged(other, {b"b": b"2"}, 1), TableView(untouched, 1)],
    )

    assert (one.get(1, b"a"), other.get(1, b"b")) == (b"1", b"2")
    assert one.get(0, b"a") is None
    assert await read_topic(one.changelog_topic, 0) == []
    assert len(await read_topic(other.changelog_topic, 1)) == 1
    assert untouched.database(1).get(OFFSET_KEY) is None


async def test_a_removal_is_a_tombstone_and_the_row_is_gone(
    fenced: FencedProducer, make_table: MakeTable, read_topic: ReadTopic
) -> None:
    table = await make_table("counts")
    await group_commit(fenced, 0, [_staged(table, {b"ada": b"1", b"grace": b"2"})])

    await group_commit(fenced, 0, [_staged(table, {b"ada": None})])

    assert list(table.rows(0)) == [(b"grace", b"2")]
    assert [record.value for record in await read_topic(table.changelog_topic, 0)] == [b"1", b"2", None]


async def test_a_refused_changelog_leaves_every_table_as_it_was(fenced: FencedProducer, make_table: MakeTable) -> None:
    wide, narrow = await make_table("wide"), await make_table("narrow", {"max.message.bytes": "1000"})
    await group_commit(fenced, 0, [_staged(wide, {b"a": b"old"}), _staged(narrow, {b"a": b"old"})])

    with pytest.raises(KafkaError):
        await group_commit(fenced, 0, [_staged(wide, {b"a": b"new"}), _staged(narrow, {b"a": b"x" * 2000})])

    assert (wide.get(0, b"a"), narrow.get(0, b"a")) == (b"old", b"old")


async def test_a_cycle_without_a_change_writes_nothing(held: HeldProducer, make_table: MakeTable) -> None:
    table = await make_table("counts")

    await asyncio.wait_for(group_commit(held, 0, [TableView(table, 0)]), 1)

    assert not held.written.is_set()


async def test_source_records_are_written_with_the_rows_and_their_offsets_are_told(
    fenced: FencedProducer, make_table: MakeTable, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    table, topic = await make_table("counts"), await make_topic("source")
    sources = [OutgoingRecord(b"ada", b"%d" % number, 7, [("h", b"x")]) for number in range(3)]
    await group_commit(fenced, 0, [], source=OutgoingBatch(topic, 0, sources[:1]))

    told = await group_commit(fenced, 0, [_staged(table, {b"ada": b"2"})], source=OutgoingBatch(topic, 0, sources[1:]))

    stored = await read_topic(topic, 0)
    assert told == [1, 2]
    assert [(one.offset, one.value, one.timestamp, list(one.headers)) for one in stored] == [
        (number, b"%d" % number, 7, [("h", b"x")]) for number in range(3)
    ]
    assert table.get(0, b"ada") == b"2"
    assert table.database(0).get(OFFSET_KEY) == b"0"


async def test_without_source_records_no_offsets_are_told(fenced: FencedProducer, make_table: MakeTable) -> None:
    table = await make_table("counts")

    assert await group_commit(fenced, 0, [_staged(table, {b"ada": b"1"})]) == []
    assert await group_commit(fenced, 0, [], source=OutgoingBatch("none", 0, [])) == []


async def test_a_refused_source_leaves_every_table_as_it_was(
    fenced: FencedProducer, make_table: MakeTable, make_topic: MakeTopic
) -> None:
    table, narrow = await make_table("counts"), await make_topic("narrow", settings={"max.message.bytes": "1000"})
    large = OutgoingBatch(narrow, 0, [OutgoingRecord(b"ada", b"x" * 2000, 0)])

    with pytest.raises(KafkaError):
        await group_commit(fenced, 0, [_staged(table, {b"ada": b"1"})], source=large)

    assert table.get(0, b"ada") is None


async def test_a_view_shows_what_its_cycle_staged_and_else_the_table(
    fenced: FencedProducer, make_table: MakeTable
) -> None:
    table = await make_table("counts")
    await group_commit(fenced, 0, [_staged(table, {b"ada": b"1", b"grace": b"2"})])
    view = _staged(table, {b"ada": b"3", b"grace": None})

    assert (view.get(b"ada"), view.get(b"grace"), view.get(b"linus")) == (b"3", None, None)
    assert (table.get(0, b"ada"), table.get(0, b"grace")) == (b"1", b"2")


async def test_a_scan_gives_the_keys_of_a_prefix_in_order(fenced: FencedProducer, make_table: MakeTable) -> None:
    table = await make_table("timeline")
    keys = [b"a", b"ada:1", b"ada:2", b"ada:3", b"adb:1"]
    await group_commit(fenced, 0, [_staged(table, dict.fromkeys(keys, b""))])

    assert [key for key, _ in table.scan(0, b"ada:")] == [b"ada:1", b"ada:2", b"ada:3"]
    assert [key for key, _ in table.scan(0, b"ada:", start=b"ada:2")] == [b"ada:2", b"ada:3"]
    assert [key for key, _ in table.rows(0)] == keys


def _staged(table: LaneTable, rows: dict[bytes, bytes | None], partition: int = 0) -> TableView:
    view = TableView(table, partition)
    for key, value in rows.items():
        if value is None:
            view.delete(key)
        else:
            view.put(key, value)
    return view
