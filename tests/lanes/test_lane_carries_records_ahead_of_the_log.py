"""A lane at the end of its log writes records together with their effects; it never passes what somebody else wrote between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from lanes.agent import Batch, LaneAgent
from lanes.fenced_producer import FencedProducer
from lanes.lane import Lane, LanePosition
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from lanes.record import Record
from lanes.runtime import Lanes, LaneSettings
from lanes.table import LaneTable
from local.stack import Endpoints

if TYPE_CHECKING:
    from tests.lanes.conftest import Eventually, MakeLane, MakeTable, MakeTopic, ReadTopic

END = LanePosition(0, True)


class Counting(LaneAgent):
    """Counts each value once in a table, however often it comes; notes the values of each cycle."""

    name = "count_values"

    def __init__(self, table: LaneTable) -> None:
        self.tables = (table,)
        self.processed: list[list[bytes]] = []
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def process(self, batch: Batch) -> None:
        self.processed.append([record.value for record in batch.records])
        self.entered.set()
        await self.gate.wait()
        view = batch.view(self.tables[0])
        for record in batch.records:
            if view.get(record.value) is None:
                view.put(record.value, b"seen")
                view.put(b"count", b"%d" % (int(view.get(b"count") or b"0") + 1))

    @property
    def count(self) -> int:
        return int(self.tables[0].get(0, b"count") or b"0")


class WatchedProducer(FencedProducer):
    """The producer; a test sees each call and may act before it is sent or before its offsets are told."""

    def __init__(self, bootstrap: str, name: str) -> None:
        super().__init__(bootstrap, name=name, client_id="watched", max_batch_bytes=1 << 20)
        self.calls: list[list[str]] = []
        self.before: Callable[[], Any] = lambda: None
        self.after: Callable[[], Any] = lambda: None

    async def write(self, partition: int, batches: Iterable[OutgoingBatch]) -> list[list[int]]:
        outgoing = list(batches)
        self.calls.append([batch.topic for batch in outgoing])
        self.before()
        offsets = await super().write(partition, outgoing)
        self.after()
        return offsets


@pytest.fixture
async def watched(servers: Endpoints, unique: str) -> Any:
    producer = WatchedProducer(servers.kafka_bootstrap, unique)
    await producer.claim([0])
    yield producer
    await producer.stop()


@pytest.fixture
async def agent(make_table: MakeTable) -> Counting:
    return Counting(await make_table("values"))


@pytest.fixture
async def lane(make_lane: MakeLane, make_topic: MakeTopic, watched: WatchedProducer, agent: Counting) -> Lane:
    lane = make_lane(agent, topic=await make_topic("source"), producer=watched, max_batch=10)
    lane.start(END)
    return lane


def new(*values: bytes) -> list[Record]:
    """Records that are not in the log yet."""
    return [Record(-1, b"key", value, {"h": b"x"}, 1_700_000_000_000) for value in values]


def numbered(*values: bytes, first: int) -> list[Record]:
    """The same records as a fetch brings them."""
    return [record._replace(offset=first + index) for index, record in enumerate(new(*values))]


async def foreign(producer: DurableProducer, lane: Lane, *values: bytes) -> None:
    """Somebody else writes to the partition of a lane."""
    await producer.write([OutgoingBatch(lane.topic, 0, [OutgoingRecord(b"key", value, 0) for value in values])])


async def test_records_and_rows_arrive_with_one_call_and_the_offsets_are_those_of_kafka(
    lane: Lane, watched: WatchedProducer, agent: Counting, read_topic: ReadTopic
) -> None:
    assert await lane.carry(new(b"a", b"b")) == [0, 1]
    assert await lane.carry(new(b"c")) == [2]

    changelog = agent.tables[0].changelog_topic
    assert watched.calls == [[lane.topic, changelog]] * 2
    stored = await read_topic(lane.topic, 0)
    assert [(one.offset, one.key, one.value, one.timestamp, list(one.headers)) for one in stored] == [
        (offset, b"key", value, 1_700_000_000_000, [("h", b"x")]) for offset, value in enumerate([b"a", b"b", b"c"])
    ]
    assert agent.count == 3
    assert (lane.committable, lane.expected_offset, lane.level, lane.backlog) == (3, 3, True, 0)


async def test_records_that_have_no_effect_are_written_all_the_same(
    make_lane: MakeLane, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    class Idle(LaneAgent):
        name = "do_nothing"

        async def process(self, batch: Batch) -> None:
            pass

    lane = make_lane(Idle(), topic=await make_topic("source"))
    lane.start(END)

    assert await lane.carry(new(b"a")) == [0]

    assert len(await read_topic(lane.topic, 0)) == 1
    assert lane.committable == 1


async def test_groups_stay_whole_and_each_is_told_its_own_offsets(
    lane: Lane, agent: Counting, read_topic: ReadTopic
) -> None:
    agent.gate.clear()
    first = asyncio.create_task(lane.carry(new(b"first")))
    await agent.entered.wait()
    groups = [[b"%d-%d" % (group, number) for number in range(size)] for group, size in enumerate([6, 4, 1, 25, 2])]
    waiting = [asyncio.create_task(lane.carry(new(*group))) for group in groups]
    await asyncio.sleep(0)
    assert lane.backlog == 38
    agent.gate.set()

    told = await asyncio.gather(first, *waiting)

    # At most ten records a cycle, unless one group alone is larger.
    assert agent.processed == [[b"first"], [*groups[0], *groups[1]], groups[2], groups[3], groups[4]]
    value_at = {one.offset: one.value for one in await read_topic(lane.topic, 0)}
    assert [[value_at[offset] for offset in offsets] for offsets in told] == [[b"first"], *groups]
    assert (agent.count, lane.committable) == (39, 39)


async def test_a_failed_cycle_writes_the_records_again_and_their_effects_are_once(
    lane: Lane, watched: WatchedProducer, agent: Counting, read_topic: ReadTopic
) -> None:
    failures = [True, False]

    def fail_after_the_write() -> None:
        if failures.pop(0):
            raise KafkaConnectionError("the acknowledgement was lost")

    watched.after = fail_after_the_write

    assert await lane.carry(new(b"a", b"b")) == [2, 3]

    assert [one.value for one in await read_topic(lane.topic, 0)] == [b"a", b"b"] * 2
    assert agent.count == 2
    # What the first try stored is a hole for the lane: the fetch brings it.
    assert (lane.committable, lane.expected_offset, lane.level) == (None, 0, False)


async def test_what_somebody_else_wrote_between_is_not_passed_and_comes_with_the_fetch(
    lane: Lane, producer: DurableProducer, agent: Counting, read_topic: ReadTopic, eventually: Eventually
) -> None:
    await lane.carry(new(b"a"))
    await foreign(producer, lane, b"theirs")

    assert await lane.carry(new(b"b")) == [2]
    assert (lane.level, lane.committable, lane.expected_offset, agent.count) == (False, 1, 1, 2)

    fetched = numbered(b"a", b"theirs", b"b", first=0)
    lane.deliver([record for record in fetched if record.offset >= lane.expected_offset])
    await eventually(lambda: lane.committable == 3)

    assert agent.processed == [[b"a"], [b"b"], [b"theirs", b"b"]]
    assert agent.count == len(await read_topic(lane.topic, 0)) == 3
    lane.hand_over(numbered(b"c", first=3))
    assert lane.level


async def test_fetched_records_go_before_carried_ones_of_the_same_cycle(
    lane: Lane, producer: DurableProducer, agent: Counting, eventually: Eventually
) -> None:
    agent.gate.clear()
    first = asyncio.create_task(lane.carry(new(b"a")))
    await agent.entered.wait()
    second = asyncio.create_task(lane.carry(new(b"c")))
    await asyncio.sleep(0)
    agent.gate.set()
    assert await first == [0]
    await second
    agent.gate.clear()
    third = asyncio.create_task(lane.carry(new(b"e")))
    await asyncio.sleep(0)
    await foreign(producer, lane, b"d")
    lane.deliver(numbered(b"d", first=2))
    agent.gate.set()
    await third
    await eventually(lambda: agent.count == 4)

    assert agent.processed[:2] == [[b"a"], [b"c"]]
    assert sorted(value for cycle in agent.processed for value in cycle) == [b"a", b"c", b"d", b"e"]


async def test_what_the_fetch_brings_while_a_carried_write_is_under_way_is_not_committable_before_it_is_processed(
    lane: Lane, watched: WatchedProducer, producer: DurableProducer, agent: Counting, eventually: Eventually
) -> None:
    await foreign(producer, lane, b"theirs")

    def fetched_meanwhile() -> None:
        watched.after = lambda: None
        lane.deliver(numbered(b"theirs", first=0))
        agent.gate.clear()
        agent.entered.clear()

    watched.after = fetched_meanwhile
    assert await lane.carry(new(b"a")) == [1]
    await agent.entered.wait()

    assert agent.processed == [[b"a"], [b"theirs"]]
    assert lane.committable is None, "offset 0 waits in the lane: after a crash the fetch must bring it again"
    agent.gate.set()
    await eventually(lambda: agent.count == 2)


async def test_its_own_records_are_processed_once_if_the_fetch_brings_them_before_they_are_acknowledged(
    lane: Lane, watched: WatchedProducer, agent: Counting, eventually: Eventually
) -> None:
    def fetched_meanwhile() -> None:
        watched.after = lambda: None
        lane.deliver(numbered(b"a", b"b", first=0))

    watched.after = fetched_meanwhile

    assert await lane.carry(new(b"a", b"b")) == [0, 1]
    await eventually(lambda: lane.committable == 2)
    assert await lane.carry(new(b"c")) == [2]

    assert agent.processed == [[b"a", b"b"], [b"c"]]
    assert (lane.level, lane.expected_offset, lane.backlog) == (True, 3, 0)


@pytest.mark.parametrize("waiting", ["behind a cycle", "in a cycle that ends", "in a cycle that is cut off"])
async def test_a_carry_ends_with_its_lane(lane: Lane, agent: Counting, waiting: str) -> None:
    agent.gate.clear()
    running = asyncio.create_task(lane.carry(new(b"a")))
    await agent.entered.wait()
    carrying = asyncio.create_task(lane.carry(new(b"b"))) if waiting == "behind a cycle" else running
    await asyncio.sleep(0)
    stopping = asyncio.create_task(lane.stop(0.05 if "cut off" in waiting else 5))
    await asyncio.sleep(0)
    if "cut off" not in waiting:
        agent.gate.set()
    await stopping

    done, _ = await asyncio.wait({carrying}, timeout=1)

    try:
        assert done, "whoever carries waits for ever"
        assert carrying.cancelled() == (waiting != "in a cycle that ends")
        assert agent.count == (0 if "cut off" in waiting else 1)
    finally:
        carrying.cancel()
        running.cancel()


async def test_a_carry_of_a_lane_that_retries_is_cancelled_when_it_stops(
    lane: Lane, watched: WatchedProducer, agent: Counting
) -> None:
    def fail() -> None:
        raise KafkaConnectionError("no broker")

    watched.before = fail
    carrying = asyncio.create_task(lane.carry(new(b"a")))
    await agent.entered.wait()

    await lane.stop(1)
    await asyncio.wait({carrying}, timeout=1)

    assert carrying.cancelled()
    assert (agent.count, lane.committable) == (0, None)


@pytest.mark.parametrize("fold_ahead", [True, False])
async def test_only_a_topic_that_folds_ahead_is_carried(
    watched: WatchedProducer,
    producer: DurableProducer,
    agent: Counting,
    make_topic: MakeTopic,
    read_topic: ReadTopic,
    eventually: Eventually,
    fold_ahead: bool,
) -> None:
    topic = await make_topic("source", 2)
    lanes = Lanes(watched, producer, LaneSettings())
    lanes.declare(topic, [agent], max_batch=10, fold_ahead=fold_ahead)
    await lanes.start({TP(topic, 0): END}, 1)

    await lanes.write(topic, {0: new(b"a", b"b"), 1: new(b"c")})
    await eventually(lambda: agent.count == 2)
    await lanes.stop(1)

    assert [len(await read_topic(topic, partition)) for partition in (0, 1)] == [2, 1]
    assert watched.calls == [[*([topic] if fold_ahead else []), agent.tables[0].changelog_topic]]
    assert lanes.committable(TP(topic, 0)) == 2


async def test_a_lane_that_is_not_at_the_end_of_its_log_is_not_carried_to(
    watched: WatchedProducer, producer: DurableProducer, agent: Counting, make_topic: MakeTopic, read_topic: ReadTopic
) -> None:
    topic = await make_topic("source")
    lanes = Lanes(watched, producer, LaneSettings())
    lanes.declare(topic, [agent], max_batch=10, fold_ahead=True)
    await producer.write([OutgoingBatch(topic, 0, [OutgoingRecord(b"key", b"before", 0)])])
    await lanes.start({TP(topic, 0): LanePosition(0, False)}, 1)

    await lanes.write(topic, {0: new(b"a")})
    await lanes.stop(1)

    assert (agent.processed, watched.calls) == ([], [])
    assert [one.value for one in await read_topic(topic, 0)] == [b"before", b"a"]
