"""Lanes exist exactly for the assigned partitions, and what they committed stays committable after their stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from faust.types import TP

from lanes.agent import Batch, LaneAgent
from lanes.producer import DurableProducer
from lanes.runtime import Lanes, LaneSettings

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, Records


class Counting(LaneAgent):
    """Counts records; each takes a turn of the loop."""

    name = "count_records"

    def __init__(self) -> None:
        self.seen = 0

    async def process(self, batch: Batch) -> None:
        await asyncio.sleep(0)
        self.seen += len(batch.records)


@pytest.fixture
def agent() -> Counting:
    return Counting()


@pytest.fixture
async def lanes(producer: DurableProducer, agent: Counting) -> AsyncIterator[Lanes]:
    running = Lanes(producer, LaneSettings(max_backlog=10))
    running.declare("events", [agent], max_batch=5)
    yield running
    await running.stop()


async def test_lanes_run_for_assigned_partitions_of_declared_topics_only(lanes: Lanes) -> None:
    await lanes.start({TP("events", 0), TP("events", 3), TP("person-table-changelog", 1)}, {})

    assert lanes.partitions == {0, 3}
    assert [(lane.topic, lane.partition) for lane in lanes.lanes()] == [("events", 0), ("events", 3)]
    assert lanes.runs("events")
    assert not lanes.runs("person-table-changelog")


async def test_records_of_a_partition_that_is_not_assigned_are_not_taken(lanes: Lanes, records: Records) -> None:
    await lanes.start({TP("events", 0)}, {TP("events", 0): 0})

    lanes.hand_over("events", 1, records(0, 1))
    lanes.hand_over("other", 0, records(0, 1))

    assert not lanes.deliver(TP("events", 1), records(0, 99))
    assert lanes.expected_offset(TP("events", 1)) == 0
    assert lanes.committable(TP("events", 1)) is None


async def test_what_follows_ownership_starts_after_the_lanes_and_stops_before_them(lanes: Lanes) -> None:
    told: list[tuple[str, frozenset[int], int]] = []

    async def started(partitions: frozenset[int]) -> None:
        told.append(("started", partitions, len(lanes.lanes())))

    async def stopping(partitions: frozenset[int]) -> None:
        told.append(("stopping", partitions, len(lanes.lanes())))

    lanes.on_started.append(started)
    lanes.on_stopping.append(stopping)

    await lanes.start({TP("events", 0), TP("events", 1)}, {})
    await lanes.stop()
    await lanes.stop()

    assert told == [("started", frozenset({0, 1}), 2), ("stopping", frozenset({0, 1}), 2)]
    assert lanes.partitions == frozenset()


async def test_what_was_committed_before_a_stop_is_still_committable_after_it(
    lanes: Lanes, agent: Counting, records: Records, eventually: Eventually
) -> None:
    await lanes.start({TP("events", 0), TP("events", 1)}, {TP("events", 0): 0})
    lanes.hand_over("events", 0, records(0, 6))
    await eventually(lambda: lanes.committable(TP("events", 0)) == 7)

    await lanes.stop()

    assert lanes.committable(TP("events", 0)) == 7
    assert set(lanes.committable_partitions()) == {TP("events", 0)}
    assert agent.seen == 7


async def test_a_new_assignment_forgets_what_an_earlier_one_committed(
    lanes: Lanes, records: Records, eventually: Eventually
) -> None:
    await lanes.start({TP("events", 0)}, {TP("events", 0): 0})
    lanes.hand_over("events", 0, records(0, 6))
    await eventually(lambda: lanes.committable(TP("events", 0)) == 7)
    await lanes.stop()

    await lanes.start({TP("events", 1)}, {})

    assert lanes.committable(TP("events", 0)) is None
    assert set(lanes.committable_partitions()) == {TP("events", 1)}


async def test_a_full_lane_asks_for_a_pause_and_names_its_partition_when_it_has_drained(
    lanes: Lanes, records: Records, eventually: Eventually
) -> None:
    drained: list[TP] = []
    lanes.on_drained = drained.append
    await lanes.start({TP("events", 2)}, {})

    assert lanes.deliver(TP("events", 2), records(0, 9))
    await eventually(lambda: lanes.committable(TP("events", 2)) == 10)

    assert drained == [TP("events", 2)]
