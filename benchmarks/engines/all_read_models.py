"""The worker of this system with seven read models on the event lane: its own, and further ones that are written for every event.

It also notes, per event, when Kafka had acknowledged its effects and when readers saw them."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import orjson

from agents.reading import decoded
from app import app
from benchmarks.workload import PARTITIONS
from bridge import headers
from bridge.topics import ensure_topics
from config import topics
from lanes.agent import Batch, LaneAgent, register
from lanes.table import LaneTable, raw_schema

READ_MODELS = 7
OWN_READ_MODELS = frozenset({"persons", "summary", "timeline"})
"""Tables of the application that every event writes to."""
STAMPS = Path(os.environ["PERSON_DATA_DIR"]) / "stamps"
"""Triples of int64: stream sequence, acknowledged by Kafka, visible; nanoseconds since the epoch."""


class ProjectFurther(LaneAgent):
    """Writes the latest event of each person to one more table."""

    def __init__(self, table: LaneTable) -> None:
        self.name = f"project_{table.name}"
        self.tables = (table,)

    async def process(self, batch: Batch) -> None:
        """One row for each event; the last of a person stays."""
        view = batch.view(self.tables[0])
        for person_id, stored in decoded(batch).by_person.items():
            key = person_id.encode()
            for one in stored:
                event = one.read()
                row = {
                    "person_id": person_id,
                    "sequence": event.sequence,
                    "type": event.type,
                    "event_id": event.id,
                    "correlation_id": event.correlationid,
                    "position": {"partition": batch.partition, "stream_sequence": one.stream_sequence},
                }
                view.put(key, orjson.dumps(row))


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


def add_read_models() -> None:
    """Add tables until there are seven, and the notes behind them."""
    settings = app.settings
    agents = list(app.lanes._agents[topics.EVENTS])
    source = app.topic(topics.EVENTS, schema=raw_schema(), partitions=settings.partitions, internal=True)
    further = [
        app._table(f"further{number}", "A further read model of the measurement.")
        for number in range(READ_MODELS - len(OWN_READ_MODELS))
    ]
    notes = NoteTimes()
    added: list[LaneAgent] = [*(ProjectFurther(table) for table in further), notes]
    app.lanes.declare(topics.EVENTS, [*agents, *added], max_batch=settings.lane_max_batch, fold_ahead=True)
    for agent in added:
        register(app, source, agent)
    app.lane_producer.write = notes.observe(app.lane_producer.write)  # type: ignore[method-assign]  # an observer

    async def prepare() -> None:
        # Changelogs must be there before the first assignment; Faust would make them too late.
        shape = next(one for one in topics.declared_by(settings) if one.name.endswith("-persons-changelog"))
        await ensure_topics(
            settings.kafka_bootstrap,
            [
                topics.Topic(table.changelog_topic, shape.partitions, shape.replicas, shape.settings)
                for table in further
            ],
        )

    original = app._connect

    async def connect() -> None:
        await original()
        await prepare()
        app.add_future(notes.write_periodically())

    app._connect = connect  # type: ignore[method-assign]  # the wiring of this measurement alone


if __name__ == "__main__":
    here = [sys.executable, "-m", "faust", "-A", "benchmarks.engines.all_read_models", "--loop", "uvloop"]
    worker = ["--datadir", os.environ["PERSON_DATA_DIR"], "worker", "--loglevel", "info"]
    web = ["--web-host", "127.0.0.1", "--web-port", os.environ["PERSON_HTTP_PORT"]]
    os.execv(sys.executable, [*here, *worker, *web])
assert app.settings.partitions == PARTITIONS, "the measurements share one number of partitions"
add_read_models()
