"""Records that a lane had before can come again in a cycle of their own, in order with the others, and move nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lanes.agent import Batch, LaneAgent
from lanes.lane import LanePosition
from lanes.table import LaneTable

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, MakeLane, MakeTable, Records

BEGIN = LanePosition(0, True)


class Noting(LaneAgent):
    """Notes the records and the purpose of each cycle, and writes rows."""

    name = "note_cycles"

    def __init__(self, *tables: LaneTable) -> None:
        self.tables = tables
        self.cycles: list[tuple[list[int], str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures = 0

    async def process(self, batch: Batch) -> None:
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise TimeoutError
        self.cycles.append(([record.offset for record in batch.records], batch.once("purpose", str)))
        for table in self.tables:
            for record in batch.records:
                batch.view(table).put(record.key, record.value)


async def test_repeated_records_get_a_cycle_of_their_own_that_moves_no_place(
    make_lane: MakeLane, records: Records, eventually: Eventually
) -> None:
    noting = Noting()
    lane = make_lane(noting)
    lane.start(BEGIN)
    lane.deliver(records(0, 4))
    await eventually(lambda: lane.committable == 5)

    noting.gate.clear()
    lane.deliver(records(5, 5))
    repeating = asyncio.create_task(lane.repeat(records(1, 2), _for("redrive")))
    await eventually(lambda: lane.backlog == 0)
    lane.deliver(records(6, 7))
    noting.gate.set()
    batch = await repeating
    await eventually(lambda: lane.committable == 8)

    assert noting.cycles == [([0, 1, 2, 3, 4], ""), ([5], ""), ([1, 2], "redrive"), ([6, 7], "")]
    assert batch.once("purpose", str) == "redrive"
    assert (lane.expected_offset, lane.level) == (8, True)


async def test_the_effects_of_repeated_records_are_durable_when_the_batch_is_returned(
    make_lane: MakeLane, make_table: MakeTable, records: Records
) -> None:
    table = await make_table("values")
    noting = Noting(table)
    lane = make_lane(noting)
    lane.start(BEGIN)
    noting.failures = 1

    await lane.repeat(records(3, 3), _for("redrive"))

    assert table.get(0, b"3") == b"3"
    assert (lane.committable, noting.cycles) == (None, [([3], "redrive")])


async def test_a_lane_that_stops_cancels_what_waits_to_be_repeated(
    make_lane: MakeLane, records: Records, eventually: Eventually
) -> None:
    noting = Noting()
    noting.gate.clear()
    lane = make_lane(noting)
    lane.start(BEGIN)
    running, waiting = (asyncio.create_task(lane.repeat(records(n, n), _for("redrive"))) for n in (0, 1))
    await asyncio.sleep(0)

    await lane.stop(0.1)

    for task in (running, waiting):
        with pytest.raises(asyncio.CancelledError):
            await task
    with pytest.raises(asyncio.CancelledError):
        await lane.repeat(records(0, 0), _for("redrive"))
    assert noting.cycles == []


def _for(purpose: str) -> Callable[[Batch], None]:
    def note(batch: Batch) -> None:
        batch.once("purpose", lambda: purpose)

    return note
