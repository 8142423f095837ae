"""A lane processes its records in order, each at least once, and never goes on behind one whose effects are not durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lanes.agent import Batch, LaneAgent
from lanes.fenced_producer import FencedProducer
from lanes.lane import LanePosition
from lanes.table import LaneTable

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, MakeLane, MakeTable, Records

BEGIN = LanePosition(0, False)


class Seen(LaneAgent):
    """Notes the offsets of each cycle that was processed and of each that was committed."""

    def __init__(self, *tables: LaneTable) -> None:
        self.name = "note_records"
        self.tables = tables
        self.processed: list[list[int]] = []
        self.durable: list[int] = []
        self.forgotten = 0
        self.before: Callable[[Batch], None] = lambda batch: None
        self.gate = asyncio.Event()
        self.gate.set()

    async def process(self, batch: Batch) -> None:
        self.processed.append([record.offset for record in batch.records])
        await self.gate.wait()
        self.before(batch)
        for table in self.tables:
            for record in batch.records:
                batch.view(table).put(record.key, record.value)

    async def committed(self, batch: Batch) -> None:
        self.durable += [record.offset for record in batch.records]

    def forget(self, partition: int) -> None:
        self.forgotten += 1


async def test_records_are_processed_in_order_and_in_as_few_cycles_as_the_bound_allows(
    make_lane: MakeLane, records: Records, eventually: Eventually
) -> None:
    seen = Seen()
    lane = make_lane(seen, max_batch=4)
    lane.start(BEGIN)

    lane.deliver(records(0, 9))
    await eventually(lambda: len(seen.durable) == 10)

    assert seen.processed == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert (lane.cycles, lane.records_done, lane.backlog, lane.committable) == (3, 10, 0, 10)


async def test_what_arrives_during_a_cycle_is_taken_together_by_the_next(
    make_lane: MakeLane, records: Records, eventually: Eventually
) -> None:
    seen = Seen()
    seen.gate.clear()
    lane = make_lane(seen)
    lane.start(BEGIN)
    lane.deliver(records(0, 0))
    await eventually(lambda: bool(seen.processed))

    lane.deliver(records(1, 3))
    lane.deliver(records(4, 6))
    seen.gate.set()
    await eventually(lambda: len(seen.durable) == 7)

    assert seen.processed == [[0], [1, 2, 3, 4, 5, 6]]


async def test_a_failing_cycle_is_repeated_from_the_same_record_and_later_ones_wait(
    make_lane: MakeLane, make_table: MakeTable, records: Records, eventually: Eventually
) -> None:
    table = await make_table("values")
    seen = Seen(table)
    failures = 2

    def fail_twice_from_3(batch: Batch) -> None:
        nonlocal failures
        if batch.records[0].offset == 3 and failures:
            failures -= 1
            raise ConnectionError

    seen.before = fail_twice_from_3
    lane = make_lane(seen, max_batch=3)
    lane.start(BEGIN)

    lane.deliver(records(0, 8))
    await eventually(lambda: len(seen.durable) == 9)

    assert seen.processed == [[0, 1, 2], [3, 4, 5], [3, 4, 5], [3, 4, 5], [6, 7, 8]]
    assert seen.durable == list(range(9))
    assert seen.forgotten == 3, "at the start and after each failure"
    assert len(list(table.rows(0))) == 9


async def test_a_failing_cycle_leaves_no_staged_row_of_any_agent(
    make_lane: MakeLane, make_table: MakeTable, records: Records, eventually: Eventually
) -> None:
    table = await make_table("values")
    first, second = Seen(table), Seen()

    def fail(batch: Batch) -> None:
        raise ConnectionError

    second.before = fail
    lane = make_lane(first, second)
    lane.start(BEGIN)
    lane.deliver(records(0, 2))

    await eventually(lambda: len(second.processed) >= 2)

    assert list(table.rows(0)) == []
    assert first.durable == second.durable == []
    assert lane.committable is None


async def test_an_offset_is_committable_only_after_its_rows_are_durable_and_announced(
    make_lane: MakeLane, make_table: MakeTable, records: Records, eventually: Eventually
) -> None:
    table = await make_table("values")
    found: list[tuple[int | None, bytes | None]] = []

    class Announcing(Seen):
        async def committed(self, batch: Batch) -> None:
            found.append((lane.committable, table.get(0, batch.records[-1].key)))

    lane = make_lane(Announcing(table), max_batch=2)
    lane.start(BEGIN)
    lane.deliver(records(5, 8))
    await eventually(lambda: lane.committable == 9)

    assert found == [(None, b"6"), (7, b"8")]


async def test_a_cycle_whose_announcements_a_stop_cuts_off_is_left_to_the_next_owner(
    make_lane: MakeLane, make_table: MakeTable, records: Records, eventually: Eventually
) -> None:
    tries = 0

    class Unheard(Seen):
        async def committed(self, batch: Batch) -> None:
            nonlocal tries
            if batch.records[0].offset == 7:
                tries += 1
                raise ConnectionError
            await super().committed(batch)

    seen = Unheard(await make_table("values"))
    lane = make_lane(seen, max_batch=2)
    lane.start(BEGIN)
    lane.deliver(records(5, 8))
    await eventually(lambda: tries > 0)

    await lane.stop(1.0)

    assert seen.durable == [5, 6]
    assert lane.committable == 7


async def test_a_cycle_whose_commit_fails_is_repeated(
    make_lane: MakeLane, make_table: MakeTable, records: Records, eventually: Eventually
) -> None:
    narrow = await make_table("narrow", {"max.message.bytes": "1000"})
    seen = Seen(narrow)
    attempts = 0

    def too_large_once(batch: Batch) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            batch.view(narrow).put(b"large", b"x" * 2000)

    seen.before = too_large_once
    lane = make_lane(seen)
    lane.start(BEGIN)

    lane.deliver(records(0, 1))
    await eventually(lambda: lane.committable == 2)

    assert seen.processed == [[0, 1], [0, 1]]
    assert list(narrow.rows(0)) == [(b"0", b"0"), (b"1", b"1")]


async def test_agents_of_a_cycle_run_in_their_order_and_share_what_they_computed(
    make_lane: MakeLane, records: Records, eventually: Eventually
) -> None:
    told: list[str] = []

    class Sharing(Seen):
        async def process(self, batch: Batch) -> None:
            told.append(batch.once("who", lambda: self.name))

    one, other = Sharing(), Sharing()
    one.name, other.name = "one", "other"
    lane = make_lane(one, other, max_batch=1)
    lane.start(BEGIN)

    lane.deliver(records(0, 1))
    await eventually(lambda: lane.cycles == 2)

    assert told == ["one", "one"] * 2


async def test_stop_finishes_the_running_cycle_and_starts_no_other(
    make_lane: MakeLane, make_table: MakeTable, records: Records, eventually: Eventually
) -> None:
    table = await make_table("values")
    seen = Seen(table)
    seen.gate.clear()
    lane = make_lane(seen, max_batch=2)
    lane.start(BEGIN)
    lane.deliver(records(0, 5))
    await eventually(lambda: bool(seen.processed))

    stopping = asyncio.create_task(lane.stop(5))
    await asyncio.sleep(0)
    seen.gate.set()
    await stopping

    assert (seen.processed, seen.durable, lane.committable) == ([[0, 1]], [0, 1], 2)
    assert seen.forgotten == 2, "once at the start, once at the end"


async def test_what_agents_keep_of_a_partition_is_forgotten_before_its_first_cycle(
    make_lane: MakeLane, records: Records, eventually: Eventually
) -> None:
    # The worker may have owned the partition before; since then another has changed its rows.
    told: list[str] = []

    class Caching(Seen):
        def forget(self, partition: int) -> None:
            told.append(f"forget {partition}")

        async def process(self, batch: Batch) -> None:
            told.append("process")

    lane = make_lane(Caching())

    lane.start(BEGIN)
    lane.deliver(records(0, 0))
    await eventually(lambda: lane.cycles == 1)

    assert told == ["forget 0", "process"]


async def test_a_cycle_that_does_not_end_within_the_budget_is_cut_off(
    make_lane: MakeLane, make_table: MakeTable, records: Records, eventually: Eventually
) -> None:
    table = await make_table("values")
    seen = Seen(table)
    seen.gate.clear()
    lane = make_lane(seen)
    lane.start(BEGIN)
    lane.deliver(records(0, 1))
    await eventually(lambda: bool(seen.processed))

    await lane.stop(0.05)

    assert (seen.durable, lane.committable, list(table.rows(0))) == ([], None, [])


async def test_stop_ends_a_lane_that_retries_for_ever(
    make_lane: MakeLane, records: Records, eventually: Eventually
) -> None:
    seen = Seen()

    def fail(batch: Batch) -> None:
        raise ConnectionError

    seen.before = fail
    lane = make_lane(seen)
    lane.start(BEGIN)
    lane.deliver(records(0, 1))
    await eventually(lambda: bool(seen.processed))

    await asyncio.wait_for(lane.stop(1.0), 2)

    assert lane.committable is None


@pytest.mark.parametrize("idle", [True, False])
async def test_a_lane_that_waits_or_never_started_stops_at_once(make_lane: MakeLane, idle: bool) -> None:
    lane = make_lane(Seen())
    if idle:
        lane.start(BEGIN)

    await asyncio.wait_for(lane.stop(5), 1)


async def test_a_write_that_never_ends_does_not_hold_up_a_stop(
    make_lane: MakeLane, make_table: MakeTable, records: Records, eventually: Eventually
) -> None:
    writing = asyncio.Event()

    class Hanging(FencedProducer):
        async def write(self, partition: int, batches: object) -> list[list[int]]:
            writing.set()
            await asyncio.Event().wait()
            raise AssertionError

    table = await make_table("values")
    hanging = Hanging("127.0.0.1:1", name="hanging", client_id="hanging", max_batch_bytes=1000)
    lane = make_lane(Seen(table), producer=hanging)
    lane.start(BEGIN)
    lane.deliver(records(0, 0))
    await eventually(writing.is_set)

    await asyncio.wait_for(lane.stop(0.05), 1)

    assert table.get(0, b"0") is None
