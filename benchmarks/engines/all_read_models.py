"""The worker of this system as it is, with all its read models, that also notes per event, when Kafka had acknowledged its effects and when readers saw them."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import time
from array import array
from pathlib import Path
from typing import Any

from app import app
from benchmarks.workload import PARTITIONS
from bridge import headers
from config import topics
from lanes.agent import Batch, LaneAgent, register
from lanes.table import raw_schema

STAMPS = Path(os.environ["PERSON_DATA_DIR"]) / "stamps"
"""Triples of int64: stream sequence, acknowledged by Kafka, visible; nanoseconds since the epoch."""


class NoteTimes(LaneAgent):
    """Notes when the events of a cycle were acknowledged and when they were visible."""

    name = "note_times"

    def __init__(self) -> None:
        self._acknowledged: dict[asyncio.Task[Any] | None, int] = {}
        self._stamps = array("q")

    async def process(self, batch: Batch) -> None:
        """Nothing to fold."""

    async def committed(self, batch: Batch) -> None:
        """Runs behind all agents that make rows readable."""
        now = time.time_ns()
        acknowledged = self._acknowledged.get(asyncio.current_task(), now)
        for record in batch.records:
            self._stamps.extend((headers.source(record.headers)[1], acknowledged, now))

    def observe(self, write: Any) -> Any:
        """A producer's `write` that notes when it was acknowledged, by the task of the lane."""

        @functools.wraps(write)
        async def observed(*args: Any, **kwargs: Any) -> Any:
            result = await write(*args, **kwargs)
            self._acknowledged[asyncio.current_task()] = time.time_ns()
            return result

        return observed

    async def write_periodically(self) -> None:
        """Append the notes to the file four times a second."""
        with STAMPS.open("wb") as file:
            while True:
                await asyncio.sleep(0.25)
                self._stamps.tofile(file)
                file.flush()
                del self._stamps[:]


def note_times() -> None:
    """Add the notes behind all agents of the event lane."""
    settings = app.settings
    notes = NoteTimes()
    source = app.topic(topics.EVENTS, schema=raw_schema(), partitions=settings.partitions, internal=True)
    agents = [*app.lanes._agents[topics.EVENTS], notes]
    app.lanes.declare(topics.EVENTS, agents, max_batch=settings.lane_max_batch, fold_ahead=True)
    register(app, source, notes)
    app.lane_producer.write = notes.observe(app.lane_producer.write)  # type: ignore[method-assign]  # an observer
    original = app._connect

    async def connect() -> None:
        await original()
        app.add_future(notes.write_periodically())

    app._connect = connect  # type: ignore[method-assign]  # the wiring of this measurement alone


if __name__ == "__main__":
    here = [sys.executable, "-m", "faust", "-A", "benchmarks.engines.all_read_models", "--loop", "uvloop"]
    worker = ["--datadir", os.environ["PERSON_DATA_DIR"], "worker", "--loglevel", "info"]
    web = ["--web-host", "127.0.0.1", "--web-port", os.environ["PERSON_HTTP_PORT"]]
    os.execv(sys.executable, [*here, *worker, *web])
assert app.settings.partitions == PARTITIONS, "the measurements share one number of partitions"
note_times()
