"""A replica equals its changelog up to the offset that it holds, in Faust's formats, whatever the changelog went through."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import OffsetOutOfRangeError
from faust.types import TP

from lanes.changelog import ChangelogReader
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from lanes.recovery import FOLLOW_FETCH, REPLAY_FETCH
from lanes.replay import Follow, Replay
from lanes.replica import Replica
from lanes.table import OFFSET_KEY, LaneTable
from local.stack import Endpoints

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, MakeTable


class Row(NamedTuple):
    """A changelog record."""

    offset: int
    key: bytes
    value: bytes | None


@pytest.fixture
async def table(make_table: MakeTable) -> LaneTable:
    return await make_table("rows")


@pytest.fixture
async def reader(servers: Endpoints) -> AsyncIterator[ChangelogReader]:
    connected = ChangelogReader({"bootstrap_servers": servers.kafka_bootstrap}, REPLAY_FETCH)
    await connected.start()
    yield connected
    await connected.stop()


def replica_of(table: LaneTable, partition: int = 0) -> Replica:
    return Replica(table.name, table.faust_table.data, TP(table.changelog_topic, partition))


async def opened(table: LaneTable, reader: ChangelogReader, *partitions: int) -> list[Replica]:
    replicas = [replica_of(table, partition) for partition in partitions]
    for replica in replicas:
        replica.open(*(await reader.bounds([replica.tp]))[replica.tp])
    return replicas


async def write(producer: DurableProducer, table: LaneTable, rows: Mapping[bytes, bytes | None]) -> None:
    records = [OutgoingRecord(key, value, 0) for key, value in rows.items()]
    await producer.write([OutgoingBatch(table.changelog_topic, 0, records)])


async def test_a_replay_holds_the_last_row_of_each_key_and_the_offset_that_faust_reads(
    table: LaneTable, reader: ChangelogReader, producer: DurableProducer
) -> None:
    await write(producer, table, {b"ada": b"1", b"gone": b"1"})
    await write(producer, table, {b"ada": b"2", b"gone": None, b"grace": b"1"})

    replicas = await opened(table, reader, 0, 1)
    replay = Replay(reader, replicas)
    assert (replay.progress.rows_done, replay.progress.rows_to_go) == (0, 5)
    await replay.run()

    assert dict(table.rows(0)) == {b"ada": b"2", b"grace": b"1"}
    assert table.faust_table.persisted_offset(TP(table.changelog_topic, 0)) == 4
    assert dict(table.rows(1)) == {}
    assert table.faust_table.persisted_offset(TP(table.changelog_topic, 1)) is None
    done = replay.progress
    assert (done.rows_done, done.rows_to_go, done.seconds_left) == (5, 0, 0)


async def test_a_replay_ends_although_the_last_offset_holds_no_record(
    table: LaneTable, reader: ChangelogReader, servers: Endpoints
) -> None:
    transactional = AIOKafkaProducer(
        bootstrap_servers=servers.kafka_bootstrap, transactional_id=f"{table.changelog_topic}-writer"
    )
    await transactional.start()
    async with transactional.transaction():
        await transactional.send_and_wait(table.changelog_topic, b"1", b"ada", partition=0)
    await transactional.stop()
    async with asyncio.timeout(60):
        while True:
            [replica] = await opened(table, reader, 0)
            if replica.rows_to_go == 2:  # the record and the marker of the transaction, which comes a little later
                break
    async with asyncio.timeout(60):
        await Replay(reader, [replica]).run()

    assert dict(table.rows(0)) == {b"ada": b"1"}
    [again] = await opened(table, reader, 0)
    async with asyncio.timeout(60):
        await Replay(reader, [again]).run()


async def test_a_changelog_that_is_cut_while_it_is_replayed_is_an_error_and_no_jump(
    make_table: MakeTable, reader: ChangelogReader, producer: DurableProducer, servers: Endpoints
) -> None:
    table = await make_table("rows", {"cleanup.policy": "compact,delete"})
    await write(producer, table, {b"%d" % number: b"1" for number in range(10)})
    [replica] = await opened(table, reader, 0)
    await replica.apply([Row(0, b"0", b"1")])
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka_bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(table.changelog_topic, 0): RecordsToDelete(before_offset=5)})
    await admin.close()

    with pytest.raises(OffsetOutOfRangeError):
        await Replay(reader, [replica]).run()
    [replica] = await opened(table, reader, 0)
    await Replay(reader, [replica]).run()

    assert dict(table.rows(0)) == {b"%d" % number: b"1" for number in range(5, 10)}


@pytest.mark.parametrize(
    ("earliest", "end", "reason"),
    [
        (0, 5, "its changelog ends at offset 4: the topic was made again"),
        (12, 20, "its changelog begins at offset 12: records between were removed"),
    ],
    ids=["ahead of the changelog", "before the changelog"],
)
async def test_a_copy_of_another_changelog_is_removed_and_said_so(
    table: LaneTable, caplog: pytest.LogCaptureFixture, earliest: int, end: int, reason: str
) -> None:
    await replica_of(table).apply([Row(9, b"ada", b"1")])

    with caplog.at_level(logging.ERROR):
        replica = replica_of(table)
        replica.open(earliest, end)

    assert (replica.next_offset, replica.rows_to_go) == (earliest, end - earliest)
    assert dict(table.database(0).items()) == {}
    [line] = [record.getMessage() for record in caplog.records]
    assert line == (
        f"table rows, partition 0: the local copy is removed and built again. It holds offset 9, but {reason}"
    )


@pytest.mark.parametrize(("earliest", "end"), [(0, 10), (10, 10), (10, 12)])
async def test_a_copy_that_reaches_its_changelog_is_kept(table: LaneTable, earliest: int, end: int) -> None:
    await replica_of(table).apply([Row(9, b"ada", b"1")])

    replica = replica_of(table)
    replica.open(earliest, end)

    assert (replica.next_offset, replica.rows_to_go) == (10, end - 10)
    assert dict(table.rows(0)) == {b"ada": b"1"}


class Stalling:
    """A real database that counts the writes which it refused."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.refused = 0

    def write(self, *arguments: Any) -> None:
        try:
            self.database.write(*arguments)
        except Exception:
            self.refused += 1
            raise


async def test_a_write_that_would_wait_for_a_compaction_is_repeated(
    table: LaneTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Stalling(table.database(0))
    for trigger in ("file_num_compaction", "slowdown_writes", "stop_writes"):
        database.database.set_options({f"level0_{trigger}_trigger": "2"})
    replica = replica_of(table)
    monkeypatch.setattr(replica, "_database", lambda: database)
    written: dict[bytes, bytes | None] = {}

    async with asyncio.timeout(20):
        while not database.refused:
            rows = [Row(len(written) + number, os.urandom(8), os.urandom(4000)) for number in range(250)]
            await replica.apply(rows)
            written |= {row.key: row.value for row in rows}

    assert dict(table.rows(0)) == written
    assert table.get(0, OFFSET_KEY) == b"%d" % (len(written) - 1)


async def test_a_follower_brings_what_is_written_meanwhile_and_says_once_that_it_is_level(
    table: LaneTable, servers: Endpoints, producer: DurableProducer, eventually: Eventually
) -> None:
    reader = ChangelogReader({"bootstrap_servers": servers.kafka_bootstrap}, FOLLOW_FETCH)
    await reader.start()
    await write(producer, table, {b"ada": b"1"})
    follow = Follow(reader, await opened(table, reader, 0, 1), share=0.5)
    told: list[bool] = []
    following = asyncio.create_task(follow.run(lambda: told.append(follow.level)))

    await eventually(lambda: told == [True])
    assert dict(table.rows(0)) == {b"ada": b"1"}
    await write(producer, table, {b"grace": b"1", b"ada": None})
    await eventually(lambda: dict(table.rows(0)) == {b"grace": b"1"})
    assert told == [True]
    assert table.faust_table.persisted_offset(TP(table.changelog_topic, 0)) == 2
    following.cancel()
    await asyncio.wait({following})
    await reader.stop()


async def test_a_follower_that_is_behind_takes_no_more_than_its_share_of_time(table: LaneTable) -> None:
    busy = 0.0

    class Behind(ChangelogReader):
        """Always has records, and takes time to hand them out."""

        def assign(self, positions: Mapping[TP, int]) -> None:
            self.offset = 0

        async def fetch(self, max_records: int, *, timeout_ms: int) -> dict[TP, Sequence[Any]]:
            nonlocal busy
            began = time.perf_counter()
            while time.perf_counter() < began + 0.002:
                pass
            busy += 0.002
            self.offset += 1
            return {TP(table.changelog_topic, 0): [Row(self.offset, b"key", b"1")]}

        async def position(self, tp: TP) -> int:
            return self.offset + 1

        def end(self, tp: TP) -> int:
            return self.offset + 1000

    follow = Follow(Behind({}, FOLLOW_FETCH), [replica_of(table)], share=0.25)
    began = time.perf_counter()
    following = asyncio.create_task(follow.run(lambda: None))
    await asyncio.sleep(0.5)
    following.cancel()
    await asyncio.wait({following})

    assert 0 < busy <= 0.3 * (time.perf_counter() - began)
