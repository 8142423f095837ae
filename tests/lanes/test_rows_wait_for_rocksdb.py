"""Rows of small cycles are in memory and in the changelog before they are in RocksDB, and nobody can tell by reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lanes.agent import Batch, LaneAgent
from lanes.commit import group_commit
from lanes.fenced_producer import FencedProducer
from lanes.lane import Lane, LanePosition
from lanes.record import Record
from lanes.table import OFFSET_KEY, WAITING_BYTES, WAITING_ROWS, LaneTable, TableView

if TYPE_CHECKING:
    from tests.lanes.conftest import MakeTable, MakeTopic


class CountRecords(LaneAgent):
    """Counts the records of each key."""

    name = "count_records"

    def __init__(self, table: LaneTable) -> None:
        self.tables = (table,)

    async def process(self, batch: Batch) -> None:
        view = batch.view(self.tables[0])
        for record in batch.records:
            view.put(record.key, b"%d" % (int(view.get(record.key) or 0) + 1))


async def test_a_row_that_waits_is_read_like_any_other(make_table: MakeTable, fenced: FencedProducer) -> None:
    table = await make_table("rows")
    table.database(0).put(b"b", b"stored")
    table.database(0).put(b"c", b"stored")

    await _commit(fenced, table, {b"a": b"1", b"b": b"2", b"c": None})

    assert _written(table, 0) == {b"b": b"stored", b"c": b"stored"}
    view = TableView(table, 0)
    assert [view.get(key) for key in (b"a", b"b", b"c")] == [b"1", b"2", None]
    assert [table.get(0, key) for key in (b"a", b"b", b"c", OFFSET_KEY)] == [b"1", b"2", None, b"2"]
    assert list(table.scan(0, b"a")) == [(b"a", b"1")]
    assert list(table.rows(0)) == [(b"a", b"1"), (b"b", b"2")]
    assert [view.get(key) for key in (b"a", b"b", b"c")] == [b"1", b"2", None]


async def test_few_rows_wait_and_many_or_large_ones_are_written(make_table: MakeTable, fenced: FencedProducer) -> None:
    few, many, large = await make_table("few"), await make_table("many"), await make_table("large")

    for number in range(WAITING_ROWS - 2):
        await _commit(fenced, few, {b"%d" % number: b"x"})
    for number in range(WAITING_ROWS):
        await _commit(fenced, many, {b"%d" % number: b"x"})
    await _commit(fenced, large, {b"a": b"x" * WAITING_BYTES, b"b": b"x"})

    assert len(_written(few, 0)) == 0
    # The offset counts as a row, and goes with the rows.
    assert len(_written(many, 0)) == WAITING_ROWS + 1
    assert _written(large, 0).keys() == {b"a", b"b", OFFSET_KEY}


async def test_what_waits_is_written_with_its_offset_when_the_lane_ends(
    make_table: MakeTable, make_topic: MakeTopic, fenced: FencedProducer
) -> None:
    table = await make_table("counts")
    lane = Lane(
        await make_topic(),
        0,
        [CountRecords(table)],
        fenced,
        max_batch=10,
        max_backlog=100,
        max_backlog_bytes=1 << 20,
        on_drained=lambda: None,
        on_fenced=lambda: None,
    )
    lane.start(LanePosition(0, True))
    await lane.carry([Record(-1, b"ada", b"x", {}, 0)])
    assert _written(table, 0) == {}

    await lane.stop(1.0)

    assert _written(table, 0) == {b"ada": b"1", OFFSET_KEY: b"0"}


async def test_what_cannot_be_written_at_the_end_does_not_hide_what_the_next_owner_writes(
    make_table: MakeTable, fenced: FencedProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = await make_table("rows")
    await _commit(fenced, table, {b"a": b"old"})
    stored = table.faust_table.data._db_for_partition

    def full(_partition: int) -> Any:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(table.faust_table.data, "_db_for_partition", full)
        with pytest.raises(OSError, match="no space"):
            table.leave(0)

    stored(0).put(b"a", b"new")
    assert table.get(0, b"a") == b"new"


async def _commit(producer: FencedProducer, table: LaneTable, rows: dict[bytes, bytes | None]) -> None:
    view = TableView(table, 0)
    for key, value in rows.items():
        if value is None:
            view.delete(key)
        else:
            view.put(key, value)
    await group_commit(producer, 0, [view])


def _written(table: LaneTable, partition: int) -> dict[Any, Any]:
    """What RocksDB has got, without a look at what waits."""
    return dict(table.faust_table.data._db_for_partition(partition).items())
