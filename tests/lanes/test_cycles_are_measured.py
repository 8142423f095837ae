"""A lane measures its cycles, and tells what it has not finished and how old that is, also while a cycle fails again and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lanes.agent import Batch, LaneAgent
from lanes.cycle_measures import CycleMeasures
from lanes.distribution import Distribution
from lanes.lane import LanePosition
from lanes.record import Record

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, MakeLane, MakeTable


class Held(LaneAgent):
    """Waits in a cycle until it is let go, and fails as often as it was told to."""

    name = "hold_records"

    def __init__(self, *tables: object) -> None:
        self.tables = tables  # type: ignore[assignment]  # a test gives lane tables
        self.go_on = asyncio.Event()
        self.failures = 0
        self.tries = 0

    async def process(self, batch: Batch) -> None:
        self.tries += 1
        await self.go_on.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("told to fail")
        for record in batch.records:
            batch.view(self.tables[0]).put(record.key, record.value)


def records(first: int, last: int) -> list[Record]:
    """Records whose time is their offset in seconds."""
    return [Record(offset, b"%d" % offset, b"x", {}, offset * 1000) for offset in range(first, last + 1)]


async def test_what_a_cycle_has_taken_is_unfinished_until_its_effects_are_durable(
    make_lane: MakeLane, make_table: MakeTable, eventually: Eventually
) -> None:
    held, measures = Held(await make_table("rows")), CycleMeasures()
    held.failures = 1
    lane = make_lane(held, measures=measures)
    assert (lane.unfinished, lane.oldest_ms) == (0, None)

    lane.start(LanePosition(1, False))
    lane.deliver(records(1, 3))
    await eventually(lambda: held.tries == 1)
    lane.deliver(records(4, 5))
    assert (lane.unfinished, lane.backlog, lane.oldest_ms) == (5, 2, 1000)

    held.go_on.set()
    await eventually(lambda: measures.failed == 1)
    held.go_on.clear()
    assert (lane.unfinished, lane.oldest_ms, measures.seconds.observed) == (5, 1000, 0)

    held.go_on.set()
    await eventually(lambda: lane.committable == 6)
    await eventually(lambda: lane.unfinished == 0)
    assert lane.oldest_ms is None
    assert (measures.failed, measures.fenced, held.tries) == (1, 0, 3)
    assert [one.observed for one in (measures.seconds, measures.commit_seconds, measures.records)] == [2, 2, 2]
    assert measures.records.total == 5
    assert 0 < measures.commit_seconds.total < measures.seconds.total


def test_a_value_belongs_to_the_first_bound_that_is_not_below_it() -> None:
    one = Distribution((1, 10))

    for value in (0, 1, 1.5, 10, 11, 1000):
        one.observe(value)

    assert (one.counts, one.total, one.observed) == ([2, 2, 2], 1023.5, 6)
