"""Patches of Faust's Kafka consumer: whole fetches go to lanes, and only what lanes have committed is committable.

Reasons and upstream issues: fetch_max_wait_ms is hard-coded to 1500 (no setting exists); per-message delivery costs ~260
microseconds an event (rh#563, rh#718); acks are given before work is durable (#606, #189) and acked work is forgotten at a
rebalance (#502). Each patch is pinned by a test on the source of faust-streaming 0.15.3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from lanes.record import Record


class LaneConsumerThread(driver.AIOKafkaConsumerThread):
    """Caps the long poll that Faust hard-codes."""

    def _create_worker_consumer(self, *args: Any, **kwargs: Any) -> Any:
        consumer = super()._create_worker_consumer(*args, **kwargs)
        # The fetcher is built from these attributes when the consumer starts.
        consumer._fetch_max_wait_ms = self.app.lane_settings.fetch_max_wait_ms
        consumer._fetch_min_bytes = self.app.lane_settings.fetch_min_bytes
        return consumer


class LaneConsumer(driver.Consumer):
    """Delivers records of lane topics to `app.lanes`, everything else the way Faust does."""

    def _new_consumer_thread(self) -> LaneConsumerThread:
        return LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:
        """Fetch; hand each lane its whole fetch and yield single messages of other topics (changelogs)."""
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        generation = self.app.consumer_generation_id
        if not self.flow_active:
            # Fetched before a rebalance stopped the flow: the next owner, maybe this worker, reads them again.
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
                if lanes.deliver(tp, [to_record(record) for record in fetched if record.offset >= expected]):
                    self.on_buffer_full(tp)
            else:
                for record in fetched:
                    yield tp, self._to_message(tp, record)

    async def wait_empty(self) -> None:
        """Finish running cycles, then commit; Faust calls this before it gives partitions back or closes tables."""
        await self.app.lanes.stop()
        await super().wait_empty()

    async def idle_positions(self) -> dict[TP, int]:
        """Assigned lane partitions whose committed offset is the end of the log, with that offset."""
        assigned = [tp for tp in self.assignment() if self.app.lanes.runs(tp.topic)]
        committed = await self.seek_to_committed()
        ends = await self.highwaters(*assigned)
        positions = {}
        for tp in assigned:
            position = committed.get(tp)
            end = ends.get(tp) or 0
            # Nothing committed reads from the earliest record: that is the end only while the log is empty.
            if (position if position is not None and position >= 0 else 0) == end:
                positions[TP(tp.topic, tp.partition)] = end
        return positions

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
        """Faust's livelock check knows messages, not lanes; lag of lanes is reported by their own metrics."""
        if not self.app.lanes.runs(tp.topic):
            super().verify_event_path(now, tp)


class LaneTransport(driver.Transport):
    """Faust's Kafka transport with the lane consumer."""

    Consumer = LaneConsumer


def to_record(record: Any) -> Record:
    """A consumer record of aiokafka as lanes see it."""
    return Record(record.offset, record.key or b"", record.value or b"", dict(record.headers), record.timestamp)
