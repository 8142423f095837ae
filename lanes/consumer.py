"""Patches of Faust's Kafka consumer: whole fetches go to lanes, and only what lanes have committed is committable.

Reasons and upstream issues: fetch_max_wait_ms is hard-coded to 1500 (no setting exists); per-message delivery costs ~260
microseconds an event (rh#563, rh#718); acks are given before work is durable (#606, #189) and acked work is forgotten at a
rebalance (#502). Each patch is pinned by a test on the source of faust-streaming 0.15.3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from lanes.consumer_loop import ConsumerInWorkerLoop
from lanes.lane import LanePosition
from lanes.record import Record

NO_HEADERS: Mapping[str, bytes] = MappingProxyType({})


class LaneRebalanceListener(driver.ConsumerRebalanceListener):
    """Keeps the group's consumer off the changelogs, which recovery reads with consumers of its own; keeps the member alive."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Pause changelogs in the client itself, before the first fetch; Faust only leaves unread what the client holds of them."""
        changelogs = self._thread.app.tables.changelog_topics
        consumer = self._thread._ensure_consumer()
        # aiokafka begins only behind this callback, and opening many databases may take longer than the session.
        consumer._coordinator._start_heartbeat_task()
        consumer.pause(*(tp for tp in assigned if tp.topic in changelogs))
        await super().on_partitions_assigned(assigned)


class LaneConsumerThread(ConsumerInWorkerLoop):
    """Caps the long poll that Faust hard-codes; asks for committed offsets of source topics only."""

    def _create_worker_consumer(self, *args: Any, **kwargs: Any) -> Any:
        consumer = super()._create_worker_consumer(*args, **kwargs)
        # The fetcher is built from these attributes when the consumer starts.
        consumer._fetch_max_wait_ms = self.app.lane_settings.fetch_max_wait_ms
        consumer._fetch_min_bytes = self.app.lane_settings.fetch_min_bytes
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """As Faust does, one request a partition, but not for changelogs: nobody commits offsets of them."""
        consumer = self._ensure_consumer()
        sources = [tp for tp in consumer.assignment() if tp.topic not in self.app.tables.changelog_topics]
        if not sources:
            return {}
        committed: Mapping[TP, int] = await self.call_thread(consumer.seek_to_committed, *sources)
        return committed


class LaneConsumer(driver.Consumer):
    """Delivers records of lane topics to `app.lanes`, everything else the way Faust does."""

    RebalanceListener = LaneRebalanceListener

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._resumed = asyncio.Event()

    def _new_consumer_thread(self) -> LaneConsumerThread:
        return LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:
        """Fetch; hand each lane its whole fetch and yield single messages of other topics."""
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        generation = self.app.consumer_generation_id
        if not self.flow_active:
            # Fetched before a rebalance stopped the flow: the next owner, maybe this worker, reads them again.
            with suppress(KafkaError):
                await self.perform_seek()
            return
        lanes = self.app.lanes
        for fetched_tp, fetched in records.items():
            tp = TP(fetched_tp.topic, fetched_tp.partition)
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            if lanes.runs(tp.topic):
                expected = lanes.expected_offset(tp)
                fresh = [to_record(record) for record in fetched if record.offset >= expected]
                if fresh and fresh[0].offset > expected and lanes.owns(tp):
                    # What comes next shows the hole again.
                    with suppress(KafkaError):
                        await self._return_to(tp, expected)
                elif lanes.deliver(tp, fresh):
                    self.on_buffer_full(tp)
            else:
                for record in fetched:
                    yield tp, self._to_message(tp, record)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch from partitions again, at once."""
        super().resume_partitions(tps)
        self._resumed.set()

    def on_buffer_drop(self, tp: TP) -> None:
        """Fetch from a drained partition again, at once."""
        super().on_buffer_drop(tp)
        self._resumed.set()

    async def _wait_next_records(self, timeout: float) -> Any:
        """As Faust does, but without its sleep of a second while nothing is to be fetched: a take-over would wait for its end."""
        if self.flow_active and not self.app.client_only and not self._get_active_partitions():
            self._resumed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._resumed.wait(), timeout)
            return {}, set()
        return await super()._wait_next_records(timeout)

    async def wait_empty(self) -> None:
        """Finish running cycles, then commit; Faust calls this before it gives partitions back or closes tables."""
        # A recovery that is still claiming partitions would take them away from whoever is assigned them next.
        await self.app.tables.recovery.pause()
        await self.app.lanes.stop(self.app.consumer_generation_id)
        # A commit that is under way does not know what the last cycles made committable, and Faust would not begin another.
        await self.maybe_wait_for_commit_to_finish()
        await super().wait_empty()
        self.app.lanes.forget_committable()

    def rejoin(self) -> None:
        """Ask the group for a new assignment."""
        self._thread._ensure_consumer()._coordinator.request_rejoin()

    def end_of_log(self, topic: str, partition: int) -> int | None:
        """Where the log of an assigned partition ended at its last fetch; None before there was one."""
        consumer, tp = self._thread._consumer, TP(topic, partition)
        if consumer is None or tp not in consumer.assignment():
            return None
        end: int | None = consumer.highwater(tp)
        return end

    async def lane_positions(self) -> dict[TP, LanePosition]:
        """Where each assigned lane partition goes on: behind the committed offset, or at the earliest record without one."""
        assigned = [tp for tp in self.assignment() if self.app.lanes.runs(tp.topic)]
        if not assigned:
            return {}
        committed = await self.seek_to_committed()
        earliest = await self.earliest_offsets(*assigned)
        ends = await self.highwaters(*assigned)
        positions = {}
        for tp in assigned:
            position = max(committed.get(tp) or 0, earliest.get(tp) or 0)
            positions[TP(tp.topic, tp.partition)] = LanePosition(position, position == (ends.get(tp) or 0))
        return positions

    async def fetch_from_lanes(self) -> None:
        """Fetch again from where the lanes stand: what came while they were being started had nobody to take it."""
        lanes = self.app.lanes
        owned = [TP(tp.topic, tp.partition) for tp in self.assignment() if lanes.runs(tp.topic)]
        await self.seek_wait({tp: lanes.expected_offset(tp) for tp in owned if lanes.owns(tp)})

    async def _return_to(self, tp: TP, expected: int) -> None:
        """Fetch again from where a lane stands: what was fetched leaves out records between."""
        earliest = (await self.earliest_offsets(tp)).get(tp) or 0
        if earliest > expected:
            self.log.error(
                "%s: records %s to %s were deleted before the lane had read them", tp, expected, earliest - 1
            )
            self.app.lanes.skip_to(tp, earliest)
        await self.seek_wait({tp: max(expected, earliest)})

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        yield from super()._filter_tps_with_pending_acks(topics)
        yield from self.app.lanes.committable_partitions()

    def _new_offset(self, tp: TP) -> int | None:
        if self.app.lanes.runs(tp.topic):
            offset: int | None = self.app.lanes.committable(tp)
            return offset
        offset = super()._new_offset(tp)
        return offset

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock check knows messages; lanes and recovery report their lag themselves."""
        if not self.app.lanes.runs(tp.topic) and tp.topic not in self.app.tables.changelog_topics:
            super().verify_event_path(now, tp)


class LaneTransport(driver.Transport):
    """Faust's Kafka transport with the lane consumer."""

    Consumer = LaneConsumer


def to_record(record: Any) -> Record:
    """A consumer record of aiokafka as lanes see it."""
    headers = dict(record.headers) if record.headers else NO_HEADERS
    return Record(record.offset, record.key or b"", record.value or b"", headers, record.timestamp)
