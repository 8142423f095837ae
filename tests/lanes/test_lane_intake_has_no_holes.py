"""Records enter a lane from the fetch or from the bridge that has just written them: each once, none left out, bounded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from lanes.agent import Batch, LaneAgent
from lanes.lane import Lane, LanePosition
from lanes.record import Record

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, MakeLane, Records


class Offsets(LaneAgent):
    """Notes the offset of every record; waits while the gate is closed."""

    name = "note_offsets"

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def process(self, batch: Batch) -> None:
        await self.gate.wait()
        self.seen += [record.offset for record in batch.records]


@pytest.fixture
def offsets() -> Offsets:
    return Offsets()


def fetch(lane: Lane, fetched: list[Record]) -> bool:
    """What the consumer does with a fetch: records that the lane has already are left out."""
    return lane.deliver([record for record in fetched if record.offset >= lane.expected_offset])


async def test_handed_over_records_continue_a_lane_that_stands_at_the_end_of_the_log(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    lane = make_lane(offsets)
    lane.start(LanePosition(7, True))

    lane.hand_over(records(7, 9))
    lane.hand_over(records(10, 10))
    await eventually(lambda: len(offsets.seen) == 4)

    assert offsets.seen == [7, 8, 9, 10]
    assert lane.expected_offset == 11


async def test_a_lane_with_unread_records_in_its_log_waits_for_the_fetch(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    lane = make_lane(offsets)
    lane.start(LanePosition(0, False))

    lane.hand_over(records(5, 6))
    assert lane.backlog == 0

    fetch(lane, records(0, 6))
    await eventually(lambda: len(offsets.seen) == 7)
    assert offsets.seen == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("first", "last"), [(8, 9), (9, 12), (5, 6), (6, 8)])
async def test_a_hand_over_that_does_not_continue_is_left_to_the_fetch(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually, first: int, last: int
) -> None:
    lane = make_lane(offsets)
    lane.start(LanePosition(7, True))

    lane.hand_over(records(first, last))
    assert lane.expected_offset == 7

    fetch(lane, records(5, 12))
    lane.hand_over(records(13, 13))
    await eventually(lambda: len(offsets.seen) == 7)
    assert offsets.seen == [7, 8, 9, 10, 11, 12, 13]


async def test_a_hand_over_with_a_gap_inside_is_left_to_the_fetch(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    lane = make_lane(offsets)
    lane.start(LanePosition(7, True))

    # Somebody else wrote 8 between two produce batches.
    lane.hand_over([*records(7, 7), *records(9, 10)])
    assert (lane.expected_offset, lane.backlog) == (7, 0)

    fetch(lane, records(7, 10))
    await eventually(lambda: len(offsets.seen) == 4)
    assert offsets.seen == [7, 8, 9, 10]


async def test_a_lane_is_level_from_its_start_at_the_end_or_from_a_hand_over_that_continues_it_until_it_stops(
    make_lane: MakeLane, offsets: Offsets, records: Records
) -> None:
    behind, at_end = make_lane(offsets), make_lane(offsets)
    behind.start(LanePosition(0, False))
    at_end.start(LanePosition(0, True))
    assert (behind.level, at_end.level) == (False, True)

    behind.hand_over(records(3, 3))
    assert not behind.level
    fetch(behind, records(0, 3))
    assert not behind.level
    behind.hand_over(records(4, 4))
    assert behind.level

    await behind.stop(1)
    assert not behind.level


async def test_records_that_are_no_longer_in_the_log_are_left_out_and_never_taken_back(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    lane = make_lane(offsets)
    lane.start(LanePosition(3, False))

    lane.skip_to(8)
    lane.skip_to(5)
    fetch(lane, records(6, 9))
    await eventually(lambda: len(offsets.seen) == 2)

    assert offsets.seen == [8, 9]


async def test_fetch_and_hand_over_of_the_same_records_give_each_once(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    lane = make_lane(offsets)
    lane.start(LanePosition(0, True))

    lane.hand_over(records(0, 4))
    fetch(lane, records(0, 4))
    fetch(lane, records(3, 7))
    lane.hand_over(records(5, 7))
    lane.hand_over(records(8, 9))
    fetch(lane, records(8, 9))
    await eventually(lambda: len(offsets.seen) == 10)

    assert offsets.seen == list(range(10))
    assert lane.backlog == 0


async def test_a_gap_in_the_offsets_of_a_fetch_is_no_hole(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    # Compaction and transaction markers leave offsets without a record.
    lane = make_lane(offsets)
    lane.start(LanePosition(0, False))

    fetch(lane, [*records(3, 4), *records(9, 9)])
    lane.hand_over(records(10, 10))
    await eventually(lambda: len(offsets.seen) == 4)

    assert offsets.seen == [3, 4, 9, 10]


async def test_a_full_backlog_asks_for_a_pause_and_tells_once_when_it_is_half_empty(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    backlogs: list[int] = []
    offsets.gate.clear()
    lane: Lane = make_lane(offsets, max_batch=2, max_backlog=10, on_drained=lambda: backlogs.append(lane.backlog))
    lane.start(LanePosition(0, False))

    assert not fetch(lane, records(0, 8))
    assert fetch(lane, records(9, 14))
    offsets.gate.set()
    await eventually(lambda: len(offsets.seen) == 15)

    assert len(backlogs) == 1
    assert backlogs[0] <= 5


async def test_a_backlog_of_few_large_records_is_full_by_its_bytes(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    backlogs: list[int] = []
    offsets.gate.clear()
    lane: Lane = make_lane(
        offsets,
        max_batch=2,
        max_backlog=1000,
        max_backlog_bytes=10_000,
        on_drained=lambda: backlogs.append(lane.backlog),
    )
    lane.start(LanePosition(0, True))
    large = [record._replace(value=bytes(1000)) for record in records(0, 14)]

    assert not fetch(lane, large[:9])
    lane.hand_over(large[9:12])
    lane.hand_over(large[12:])
    assert lane.expected_offset == 12
    assert fetch(lane, large[12:])
    offsets.gate.set()
    await eventually(lambda: len(offsets.seen) == 15)

    assert offsets.seen == list(range(15))
    assert len(backlogs) == 1
    assert backlogs[0] < 5
    assert not fetch(lane, [record._replace(value=bytes(1000)) for record in records(15, 23)])


async def test_a_backlog_that_never_filled_tells_nothing(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    told: list[bool] = []
    lane = make_lane(offsets, max_batch=2, max_backlog=10, on_drained=lambda: told.append(True))
    lane.start(LanePosition(0, False))

    assert not fetch(lane, records(0, 8))
    await eventually(lambda: len(offsets.seen) == 9)

    assert told == []


async def test_a_full_backlog_takes_nothing_from_the_bridge_and_the_fetch_brings_it_later(
    make_lane: MakeLane, offsets: Offsets, records: Records, eventually: Eventually
) -> None:
    offsets.gate.clear()
    lane = make_lane(offsets, max_batch=2, max_backlog=4)
    lane.start(LanePosition(0, True))

    lane.hand_over(records(0, 4))
    lane.hand_over(records(5, 5))
    assert lane.expected_offset == 5

    offsets.gate.set()
    fetch(lane, records(0, 6))
    await eventually(lambda: len(offsets.seen) == 7)
    assert offsets.seen == list(range(7))


async def test_empty_intake_changes_nothing(make_lane: MakeLane, offsets: Offsets) -> None:
    lane = make_lane(offsets)
    lane.start(LanePosition(3, True))

    lane.hand_over([])

    assert not lane.deliver([])
    assert lane.expected_offset == 3
