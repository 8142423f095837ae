"""What SIGKILL leaves of a table partition is an older state of itself, whoever wrote it before: its lane, a recovery or a standby."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from faust.types import TP
from rocksdict import Options, Rdict

from lanes.commit import group_commit
from lanes.fenced_producer import FencedProducer
from lanes.record import Record
from lanes.replica import Replica
from lanes.table import OFFSET_KEY, TableView

if TYPE_CHECKING:
    from tests.lanes.conftest import MakeTable


async def test_no_offset_outlives_the_rows_before_it_when_a_lane_is_followed_by_a_standby(
    make_table: MakeTable, fenced: FencedProducer, tmp_path: Path
) -> None:
    table = await make_table("rows")
    view = TableView(table, 0)
    view.put(b"ada", b"1")
    await group_commit(fenced, 0, [view])
    table.leave(0)
    replica = Replica(table.name, table.faust_table.data, TP(table.changelog_topic, 0))
    replica.open(0, 2)
    await replica.apply([Record(replica.next_offset, b"grace", b"1", {}, 0)])

    killed = tmp_path / "killed"
    shutil.copytree(table.faust_table.data.partition_path(0), killed)
    left = Rdict(str(killed), Options(raw_mode=True))

    assert (left.get(OFFSET_KEY) is None) or left.get(b"ada") == b"1"
    left.close()
