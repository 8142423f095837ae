"""A Faust application whose topics are consumed by lanes."""

from __future__ import annotations

import gc
from typing import Any

import faust

from lanes.consumer import LaneTransport
from lanes.producer import DurableProducer
from lanes.runtime import Lanes, LaneSettings


class LaneApp(faust.App):
    """`faust.App` plus `lanes`: lanes start after recovery, stop before partitions are revoked."""

    def __init__(
        self, *args: Any, lane_settings: LaneSettings, producer: DurableProducer, writer: DurableProducer, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lane_settings = lane_settings
        self.lane_producer = producer
        self.lane_writer = writer
        self.lanes = Lanes(producer, writer, lane_settings)
        self.lanes.on_drained = lambda tp: self.consumer.on_buffer_drop(tp)
        self.on_rebalance_complete.connect(self._start_lanes)

    async def on_stop(self) -> None:
        """Disconnect the lanes' producers after the consumer has stopped."""
        await super().on_stop()
        await self.lane_producer.stop()
        await self.lane_writer.stop()

    async def on_started(self) -> None:
        """Keep the collector away from what lives as long as the worker: modules, models, tables."""
        await super().on_started()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)

    async def _start_lanes(self, *_: Any, **__: Any) -> None:
        generation = self.consumer_generation_id
        await self.lanes.start(await self.consumer.lane_positions(), generation)

    def _new_transport(self) -> LaneTransport:
        return LaneTransport(self.conf.broker_consumer, self)
