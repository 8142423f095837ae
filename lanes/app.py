"""A Faust application whose topics are consumed by lanes."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from lanes.assignor import LanePartitionAssignor
from lanes.closed_connection import translate_errors_of_closed_connections
from lanes.consumer import LaneTransport
from lanes.fenced_producer import FencedProducer
from lanes.ownership import Ownership
from lanes.producer import DurableProducer
from lanes.recovery import LaneTables, RecoverySettings
from lanes.runtime import Lanes, LaneSettings

REJOIN_AFTER_S = 1.0
"""A worker that was really replaced hears of it by then."""

START_AGAIN_S = 1.0
YOUNG_OBJECTS = 60_000
"""Objects among which the interpreter looks for garbage by itself: a few milliseconds, and seldom, because nearly all of them are gone before
they are so many. With a third of it, it also looked through what a large cycle needs, a tenth of its time. States are young only once; looking
through all that are cached took up to 300 ms, in which no lane moved."""
NEVER = 1_000_000
THREAD_TURN_S = 0.001
"""How long a thread beside the loop may keep the interpreter while lanes wait for it; five times that is the interpreter's own default."""
COLLECT_EVERY_S = 300.0
STOP_BUDGET_S = 20.0
"""How long a stop may take unless the application says otherwise. Lanes end their cycles and clients their requests in less; aiokafka has been seen to wait for ever for a fetch (0.14)."""


class LaneApp(faust.App):
    """`faust.App` plus `lanes`: lanes start after recovery, stop before partitions are revoked.

    Each callback of `before_recovery` is awaited at every rebalance with all active changelog partitions of the new assignment, before
    their ends are read: recovery replays what it writes. An error ends the worker.
    """

    def __init__(
        self,
        *args: Any,
        lane_settings: LaneSettings,
        producer: FencedProducer,
        writer: DurableProducer,
        recovery_settings: RecoverySettings | None = None,
        **kwargs: Any,
    ) -> None:
        translate_errors_of_closed_connections()
        super().__init__(*args, TableManager=LaneTables, PartitionAssignor=LanePartitionAssignor, **kwargs)
        self.before_recovery: list[Callable[[frozenset[TP]], Awaitable[None]]] = []
        self.lane_settings = lane_settings
        self.stop_budget_s = STOP_BUDGET_S
        self.recovery_settings = recovery_settings or RecoverySettings()
        self.lane_producer = producer
        self.lane_writer = writer
        self.lanes = Lanes(producer, writer, lane_settings)
        self.lanes.on_drained = lambda tp: self.consumer.on_buffer_drop(tp)
        self.lanes.on_fenced = self._fenced
        self.ownership = Ownership(producer)
        self.before_recovery.append(self.ownership.claim)
        self.on_rebalance_complete.connect(self._start_lanes)

    async def stop(self) -> None:
        """Stop all services; a stop that hangs ends the process, which loses nothing: lanes commit only what is durable."""
        given_up = asyncio.get_running_loop().call_later(self.stop_budget_s, self._end_at_once)
        await super().stop()
        given_up.cancel()

    def _end_at_once(self) -> None:
        self.log.critical("stopping has not ended within %s s; the worker ends", self.stop_budget_s)
        os._exit(1)

    async def on_stop(self) -> None:
        """Disconnect the lanes' producers after the consumer has stopped."""
        await super().on_stop()
        await self.lane_producer.stop()
        await self.lane_writer.stop()

    async def on_started(self) -> None:
        """Keep the collector away from what lives as long as the worker: modules, models, tables."""
        await super().on_started()
        gc.set_threshold(YOUNG_OBJECTS, NEVER, NEVER)
        sys.setswitchinterval(THREAD_TURN_S)
        self._collect_garbage()

    def _collect_garbage(self) -> None:
        """Look for garbage among all that came since the last time, and set apart what lives on, so that nobody looks at it again."""
        gc.collect()
        gc.freeze()
        if not self.should_stop:
            asyncio.get_running_loop().call_later(COLLECT_EVERY_S, self._collect_garbage)

    async def _start_lanes(self, *_: Any, **__: Any) -> None:
        generation = self.consumer_generation_id
        while not self.should_stop and self.consumer_generation_id == generation:
            try:
                await self.lanes.start(await self.consumer.lane_positions(), generation)
                await self.consumer.fetch_from_lanes()
                return
            except KafkaError as error:
                self.log.warning("lanes start again in %.0f s: %s", START_AGAIN_S, type(error).__name__)
                await asyncio.sleep(START_AGAIN_S)

    def _fenced(self, tp: TP) -> None:
        """A fenced worker that still counts as the owner would leave its partition without service."""
        generation = self.consumer_generation_id
        loop = asyncio.get_running_loop()
        loop.call_later(REJOIN_AFTER_S, self._rejoin_unless_rebalanced, generation)
        loop.call_later(2 * self.conf.broker_session_timeout, self._end_unless_rebalanced, tp, generation)

    def _rejoin_unless_rebalanced(self, generation: int) -> None:
        if self._still_in(generation):
            self.consumer.rejoin()

    def _end_unless_rebalanced(self, tp: TP, generation: int) -> None:
        if self._still_in(generation):
            self.log.critical("%s was claimed by another worker, yet the group counts it as ours; the worker ends", tp)
            os._exit(1)

    def _still_in(self, generation: int) -> bool:
        return not (self.should_stop or self.rebalancing) and self.consumer_generation_id == generation

    def _new_transport(self) -> LaneTransport:
        return LaneTransport(self.conf.broker_consumer, self)
