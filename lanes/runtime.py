"""All lanes of a worker: starts them when their partitions are assigned and recovered, stops them before they are revoked.

Guarantee: at any time a lane runs only for a partition that this worker owns and whose tables are recovered."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faust.types import TP

from lanes.agent import LaneAgent
from lanes.cycle_measures import CycleMeasures
from lanes.fenced_producer import FencedProducer
from lanes.lane import Lane, LanePosition, outgoing
from lanes.producer import DurableProducer, OutgoingBatch
from lanes.record import Record

PartitionsCallback = Callable[[frozenset[int]], Awaitable[None]]


class LaneStoppedError(Exception):
    """Records were not written because their lane stopped first. Whoever owns the partition next gets them again."""


@dataclass(frozen=True)
class LaneSettings:
    """Bounds of the lanes of one worker."""

    fetch_max_wait_ms: int = 50
    fetch_min_bytes: int = 1
    max_backlog: int = 20_000
    max_backlog_bytes: int = 4 << 20
    stop_budget_s: float = 4.0


class Lanes:
    """Registry and lifecycle of lanes. `on_started` and `on_stopping` let the wiring attach what follows partition ownership."""

    def __init__(self, producer: FencedProducer, writer: DurableProducer, settings: LaneSettings) -> None:
        self._producer = producer
        self._writer = writer
        self._settings = settings
        self._agents: dict[str, list[LaneAgent]] = {}
        self._max_batch: dict[str, int] = {}
        self._fold_ahead: set[str] = set()
        self.measures: dict[str, CycleMeasures] = {}
        """What cycles took, by topic."""
        self._lanes: dict[TP, Lane] = {}
        self._changing = asyncio.Lock()
        self.on_started: list[PartitionsCallback] = []
        self.on_stopping: list[PartitionsCallback] = []
        self.on_drained: Callable[[TP], object] = _ignore
        self.on_fenced: Callable[[TP], object] = _ignore
        self._owned: frozenset[int] = frozenset()
        self._revoked_generation: int | None = None
        self._committable_at_stop: dict[TP, int] = {}

    def declare(self, topic: str, agents: Sequence[LaneAgent], *, max_batch: int, fold_ahead: bool = False) -> None:
        """Say which agents fold a topic, in their order within a cycle, and how many records one cycle takes at most.

        With `fold_ahead`, `write` lets a lane process records before they are in the log, in the same produce request. That is right
        where the log is not the truth: a failed write leaves effects of records that will be written again.
        """
        if fold_ahead:
            self._fold_ahead.add(topic)
        self._agents[topic] = list(agents)
        self.measures[topic] = CycleMeasures()
        self._max_batch[topic] = max_batch

    def runs(self, topic: str) -> bool:
        """Whether records of a topic belong to lanes."""
        return topic in self._agents

    def agents(self) -> frozenset[str]:
        """Names of all declared agents."""
        return frozenset(agent.name for agents in self._agents.values() for agent in agents)

    @property
    def partitions(self) -> frozenset[int]:
        """Partitions that this worker owns with their tables recovered."""
        return self._owned

    def owns(self, tp: TP) -> bool:
        """Whether a lane runs for a topic partition."""
        return tp in self._lanes

    def lanes(self) -> Sequence[Lane]:
        """The running lanes."""
        return tuple(self._lanes.values())

    async def start(self, positions: Mapping[TP, LanePosition], generation: int) -> None:
        """Start a lane for each partition in `positions`, and end those of other partitions.

        A `generation` of the consumer group whose partitions were revoked while their tables were recovered starts nothing.
        """
        async with self._changing:
            if generation == self._revoked_generation:
                return
            strangers = [tp for tp in self._lanes if tp not in positions]
            await asyncio.gather(*(self._lanes.pop(tp).stop(self._settings.stop_budget_s) for tp in strangers))
            for tp, position in sorted(positions.items()):
                if tp not in self._lanes:
                    lane = Lane(
                        tp.topic,
                        tp.partition,
                        self._agents[tp.topic],
                        self._producer,
                        max_batch=self._max_batch[tp.topic],
                        max_backlog=self._settings.max_backlog,
                        max_backlog_bytes=self._settings.max_backlog_bytes,
                        on_drained=functools.partial(self._drained, tp),
                        on_fenced=functools.partial(self._fenced, tp),
                        measures=self.measures[tp.topic],
                    )
                    self._lanes[tp] = lane
                    lane.start(position)
            self._owned = frozenset(tp.partition for tp in self._lanes)
            for callback in self.on_started:
                await callback(self._owned)

    async def stop(self, generation: int) -> None:
        """Stop every lane (the group protocol revokes all partitions of a generation at once) after their running cycles."""
        async with self._changing:
            self._revoked_generation = generation
            if not self._lanes:
                return
            owned, self._owned = self._owned, frozenset()
            for callback in self.on_stopping:
                await callback(owned)
            await asyncio.gather(*(lane.stop(self._settings.stop_budget_s) for lane in self._lanes.values()))
            self._committable_at_stop = {
                tp: lane.committable for tp, lane in self._lanes.items() if lane.committable is not None
            }
            self._lanes.clear()

    def lane(self, topic: str, partition: int) -> Lane | None:
        """The running lane of a topic partition."""
        return self._lanes.get(TP(topic, partition))

    def expected_offset(self, tp: TP) -> int:
        """Fetched records below this offset need not be delivered."""
        lane = self._lanes.get(tp)
        return lane.expected_offset if lane is not None else 0

    def skip_to(self, tp: TP, offset: int) -> None:
        """Tell a lane that the log begins at an offset now."""
        lane = self._lanes.get(tp)
        if lane is not None:
            lane.skip_to(offset)

    def deliver(self, tp: TP, records: Sequence[Record]) -> bool:
        """Give a lane its fetch; True asks the consumer to pause the partition until `on_drained`."""
        lane = self._lanes.get(tp)
        return lane is not None and lane.deliver(records)

    async def write(self, topic: str, by_partition: Mapping[int, Sequence[Record]]) -> None:
        """Write records (their offsets are ignored) to partitions of a lane topic; returns when all in-sync replicas have them.

        Lanes of this worker take them without a fetch. Raises the client's error, or LaneStoppedError when a lane stopped first; all
        partitions are done or have failed then.
        """
        carried = []
        plain: dict[int, Sequence[Record]] = {}
        for partition, records in by_partition.items():
            lane = self._lanes.get(TP(topic, partition))
            if lane is not None and lane.level and topic in self._fold_ahead:
                size = self._max_batch[topic]
                carried += [lane.carry(records[begin : begin + size]) for begin in range(0, len(records), size)]
            else:
                plain[partition] = records
        writing: list[Awaitable[Any]] = [*carried, *([self._write_plain(topic, plain)] if plain else [])]
        if len(writing) == 1:
            # Nearly always, and a task of its own is as much work as what it would do.
            await self._unless_stopped(topic, writing[0])
            return
        for result in await asyncio.gather(*writing, return_exceptions=True):
            if isinstance(result, asyncio.CancelledError):
                raise LaneStoppedError(f"a lane of {topic} stopped")
            if isinstance(result, BaseException):
                raise result

    @staticmethod
    async def _unless_stopped(topic: str, writing: Awaitable[Any]) -> None:
        writer = asyncio.current_task()
        try:
            await writing
        except asyncio.CancelledError:
            if writer is not None and writer.cancelling():
                raise
            raise LaneStoppedError(f"a lane of {topic} stopped") from None

    async def _write_plain(self, topic: str, by_partition: Mapping[int, Sequence[Record]]) -> None:
        offsets = await self._writer.write(
            OutgoingBatch(topic, partition, [outgoing(record) for record in records])
            for partition, records in by_partition.items()
        )
        for (partition, records), written in zip(by_partition.items(), offsets, strict=True):
            lane = self._lanes.get(TP(topic, partition))
            if lane is not None:
                lane.hand_over(
                    [record._replace(offset=offset) for record, offset in zip(records, written, strict=True)]
                )

    def committable_partitions(self) -> Iterator[TP]:
        """Partitions with an offset to commit."""
        yield from self._committable_at_stop
        yield from self._lanes

    def committable(self, tp: TP) -> int | None:
        """The offset behind the last record whose effects are durable."""
        lane = self._lanes.get(tp)
        return lane.committable if lane is not None else self._committable_at_stop.get(tp)

    def forget_committable(self) -> None:
        """The offsets of stopped lanes are committed, or the next owner goes on before them."""
        self._committable_at_stop = {}

    def _drained(self, tp: TP) -> None:
        self.on_drained(tp)

    def _fenced(self, tp: TP) -> None:
        self.on_fenced(tp)


def _ignore(_tp: TP) -> None:
    """Nobody listens yet."""
