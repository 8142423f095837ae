"""Lanes exist exactly for the assigned partitions, and what they committed stays committable after their stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from faust.types import TP

from lanes.agent import Batch, LaneAgent
from lanes.fenced_producer import FencedProducer
from lanes.lane import LanePosition
from lanes.producer import DurableProducer
from lanes.runtime import Lanes, LaneSettings, LaneStoppedError

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, MakeTopic, ReadTopic, Records

BEGIN = LanePosition(0, False)


def events(*partitions: int) -> dict[TP, LanePosition]:
    """These partitions of topic events, each from its first record."""
    return {TP("events", partition): BEGIN for partition in partitions}


class Counting(LaneAgent):
    """Counts records; each takes a turn of the loop. A gate may hold a cycle up."""

    name = "count_records"

    def __init__(self) -> None:
        self.seen = 0
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def process(self, batch: Batch) -> None:
        self.entered.set()
        await asyncio.sleep(0)
        await self.gate.wait()
        self.seen += len(batch.records)


@pytest.fixture
def agent() -> Counting:
    return Counting()


@pytest.fixture
async def lanes(fenced: FencedProducer, producer: DurableProducer, agent: Counting) -> AsyncIterator[Lanes]:
    running = Lanes(fenced, producer, LaneSettings(max_backlog=10))
    running.declare("events", [agent], max_batch=5)
    yield running
    await running.stop(99)


async def test_lanes_run_for_assigned_partitions_of_declared_topics_only(lanes: Lanes) -> None:
    await lanes.start(events(0, 3), 1)

    assert lanes.partitions == {0, 3}
    assert [(lane.topic, lane.partition) for lane in lanes.lanes()] == [("events", 0), ("events", 3)]
    assert lanes.runs("events")
    assert not lanes.runs("person-table-changelog")


async def test_records_of_a_partition_that_is_not_assigned_are_not_taken(lanes: Lanes, records: Records) -> None:
    await lanes.start(events(0), 1)

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

    await lanes.start(events(0, 1), 1)
    await lanes.stop(1)
    await lanes.stop(1)

    assert told == [("started", frozenset({0, 1}), 2), ("stopping", frozenset({0, 1}), 2)]
    assert lanes.partitions == frozenset()


async def test_what_was_committed_before_a_stop_is_still_committable_after_it(
    lanes: Lanes, agent: Counting, records: Records, eventually: Eventually
) -> None:
    await lanes.start(events(0, 1), 1)
    lanes.deliver(TP("events", 0), records(0, 6))
    await eventually(lambda: lanes.committable(TP("events", 0)) == 7)

    await lanes.stop(1)

    assert lanes.committable(TP("events", 0)) == 7
    assert set(lanes.committable_partitions()) == {TP("events", 0)}
    assert agent.seen == 7


async def test_what_was_committed_once_is_forgotten_before_the_next_assignment(
    lanes: Lanes, records: Records, eventually: Eventually
) -> None:
    await lanes.start(events(0), 1)
    lanes.deliver(TP("events", 0), records(0, 6))
    await eventually(lambda: lanes.committable(TP("events", 0)) == 7)
    await lanes.stop(1)
    lanes.forget_committable()

    await lanes.start(events(1), 2)

    assert lanes.committable(TP("events", 0)) is None
    assert set(lanes.committable_partitions()) == {TP("events", 1)}


async def test_a_full_lane_asks_for_a_pause_and_names_its_partition_when_it_has_drained(
    lanes: Lanes, records: Records, eventually: Eventually
) -> None:
    drained: list[TP] = []
    lanes.on_drained = drained.append
    await lanes.start(events(2), 1)

    assert lanes.deliver(TP("events", 2), records(0, 9))
    await eventually(lambda: lanes.committable(TP("events", 2)) == 10)

    assert drained == [TP("events", 2)]


async def test_a_start_that_a_revocation_has_overtaken_starts_nothing(lanes: Lanes) -> None:
    told: list[frozenset[int]] = []

    async def started(partitions: frozenset[int]) -> None:
        told.append(partitions)

    lanes.on_started.append(started)

    # Partitions were revoked while their tables were recovered.
    await lanes.stop(7)
    await lanes.start(events(0, 1), 7)
    assert (lanes.lanes(), lanes.partitions, told) == ((), frozenset(), [])

    await lanes.start(events(1), 8)
    assert [lane.partition for lane in lanes.lanes()] == [1]
    assert told == [frozenset({1})]


async def test_a_start_that_waits_for_a_stop_of_its_own_generation_starts_nothing(
    lanes: Lanes, agent: Counting, records: Records
) -> None:
    await lanes.start(events(0), 7)
    agent.gate.clear()
    lanes.deliver(TP("events", 0), records(0, 0))
    await agent.entered.wait()

    stopping = asyncio.create_task(lanes.stop(7))
    await asyncio.sleep(0)
    starting = asyncio.create_task(lanes.start(events(0, 1), 7))
    agent.gate.set()
    await asyncio.gather(stopping, starting)

    assert (lanes.lanes(), lanes.partitions) == ((), frozenset())


async def test_a_second_start_keeps_lanes_of_its_positions_and_ends_those_of_others(
    lanes: Lanes, agent: Counting, records: Records, eventually: Eventually
) -> None:
    await lanes.start(events(0, 1, 2), 1)
    kept = {lane.partition: lane for lane in lanes.lanes()}
    lanes.deliver(TP("events", 1), records(0, 3))
    await eventually(lambda: agent.seen == 4)
    agent.gate.clear()
    agent.entered.clear()
    lanes.deliver(TP("events", 0), records(0, 0))
    await agent.entered.wait()

    starting = asyncio.create_task(lanes.start({TP("events", 1): BEGIN, TP("events", 3): BEGIN}, 2))
    await asyncio.sleep(0.01)
    assert not starting.done(), "the cycle of a stranger is finished first"
    agent.gate.set()
    await starting

    assert {lane.partition for lane in lanes.lanes()} == lanes.partitions == {1, 3}
    assert kept[1] in lanes.lanes()
    assert kept[1].committable == 4
    assert kept[0].committable == 1
    assert not any(kept[partition].level for partition in (0, 2))


async def test_nothing_is_owned_while_lanes_stop(lanes: Lanes, agent: Counting, records: Records) -> None:
    await lanes.start(events(0, 1), 1)
    agent.gate.clear()
    lanes.deliver(TP("events", 0), records(0, 0))
    await agent.entered.wait()
    seen: list[frozenset[int]] = []

    async def stopping(partitions: frozenset[int]) -> None:
        seen.append(lanes.partitions)

    lanes.on_stopping.append(stopping)
    ending = asyncio.create_task(lanes.stop(1))
    await asyncio.sleep(0.01)

    assert not ending.done()
    assert lanes.partitions == frozenset()
    agent.gate.set()
    await ending
    assert seen == [frozenset()]


async def test_what_a_worker_writes_reaches_kafka_and_its_own_lanes_without_a_fetch(
    fenced: FencedProducer,
    producer: DurableProducer,
    make_topic: MakeTopic,
    read_topic: ReadTopic,
    agent: Counting,
    records: Records,
    eventually: Eventually,
) -> None:
    topic = await make_topic(partitions=3)
    lanes = Lanes(fenced, producer, LaneSettings())
    lanes.declare(topic, [agent], max_batch=100)
    # Partition 0 stands at its end, partition 1 has unread records before it, partition 2 belongs to somebody else.
    await lanes.start({TP(topic, 0): LanePosition(0, True), TP(topic, 1): LanePosition(5, False)}, 1)

    await lanes.write(topic, {0: records(90, 92), 1: records(90, 90), 2: records(90, 91)})
    await lanes.write(topic, {0: records(93, 93)})
    await eventually(lambda: agent.seen == 4)

    stored = [[record.value for record in await read_topic(topic, partition)] for partition in (0, 1, 2)]
    assert stored == [[b"90", b"91", b"92", b"93"], [b"90"], [b"90", b"91"]]
    assert [lanes.expected_offset(TP(topic, partition)) for partition in (0, 1, 2)] == [4, 5, 0]
    assert lanes.committable(TP(topic, 0)) == 4
    await lanes.stop(1)
    assert agent.seen == 4


@pytest.mark.parametrize("partitions", [1, 2])
async def test_a_writer_is_told_that_a_lane_stopped_first(
    fenced: FencedProducer, producer: DurableProducer, agent: Counting, records: Records, partitions: int
) -> None:
    lanes = Lanes(fenced, producer, LaneSettings(stop_budget_s=0.01))
    lanes.declare("events", [agent], max_batch=5, fold_ahead=True)
    await lanes.start({TP("events", number): LanePosition(0, True) for number in range(partitions)}, 1)
    agent.gate.clear()
    writing = asyncio.create_task(lanes.write("events", dict.fromkeys(range(partitions), records(0, 0))))
    await asyncio.wait_for(agent.entered.wait(), 60)

    await lanes.stop(1)

    with pytest.raises(LaneStoppedError, match="events"):
        await asyncio.wait_for(writing, 60)


async def test_a_writer_that_is_cancelled_ends_as_cancelled(
    fenced: FencedProducer, producer: DurableProducer, agent: Counting, records: Records
) -> None:
    lanes = Lanes(fenced, producer, LaneSettings(stop_budget_s=0.01))
    lanes.declare("events", [agent], max_batch=5, fold_ahead=True)
    await lanes.start({TP("events", 0): LanePosition(0, True)}, 1)
    agent.gate.clear()
    writing = asyncio.create_task(lanes.write("events", {0: records(0, 0)}))
    await asyncio.wait_for(agent.entered.wait(), 60)

    writing.cancel()
    await asyncio.wait({writing}, timeout=5)

    assert writing.cancelled()
    await lanes.stop(1)
