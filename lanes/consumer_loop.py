"""Patch of Faust: the Kafka consumer runs in the worker's own event loop instead of a thread with a loop of its own.

Reason: a lane cycle is a handful of records, and at that size what a thread costs (two hops a fetch, and a wait for the interpreter
lock that may take its whole switch interval) is more than the work. Lanes yield to the loop in every cycle, so heartbeats of the group
protocol go out in time. Faust has no setting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from mode.services import Service
from mode.utils.futures import maybe_async


class ConsumerInWorkerLoop(AIOKafkaConsumerThread):
    """What Faust calls its consumer thread, without a thread."""

    abstract = True

    def __init__(self, consumer: Any, *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(consumer, loop=loop, thread_loop=loop, **kwargs)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve as a task; returns when the consumer has connected."""
        self._thread_started.set()
        self._thread_running = self.parent_loop.create_future()
        self._serving = self.parent_loop.create_task(self._serve())
        try:
            await self._thread_running
        finally:
            self._thread_running = None

    async def stop(self) -> None:
        """Stop serving."""
        if self._started.is_set():
            await Service.stop(self)
        if self._serving is not None:
            # What it raised has crashed the worker already.
            await asyncio.gather(self._serving, return_exceptions=True)

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call at once: there is no other thread."""
        return await maybe_async(fun(*args, **kwargs))

    async def _gather_remaining_tasks(self) -> None:
        """The other tasks of the loop are the worker's."""
