"""`python -m tests.monitoring.cost`: what metrics cost per event and per scrape, in this process, without servers.

Prints microseconds per event that `measure_events` adds to a cycle, beside what decoding the same cycle takes, and milliseconds of a
scrape with 64 partitions and a sample of every kind of event and command. Each is the fastest of many tries, so that other work on the
machine is left out."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
import uuid
from types import SimpleNamespace

from agents.flow_measures import FlowMeasures
from agents.measure_events import MeasureEvents
from agents.reading import decoded
from config.topics import COMMANDS, EVENTS, FOREIGN, SAGAS, TIMERS
from domain.commands import COMMANDS as COMMAND_TYPES
from domain.event_catalogue import EVENTS as EVENT_TYPES
from lanes.agent import Batch
from lanes.cycle_measures import CycleMeasures
from queries.flow_metrics import of_flow
from queries.lane_metrics import of_cycles, of_lag, of_lanes
from queries.metrics import WorkerMetrics
from tables.position import AppliedPositions
from tests.monitoring.records import suspended

EVENTS_PER_CYCLE = 1000
CYCLES = 200
PARTITIONS = 64
SCRAPES = 50


def main() -> None:
    """Measure and print one JSON document."""
    seconds, decoding = asyncio.run(_per_event())
    text, scrape = _scrape()
    found = {
        "microseconds_per_event": round(seconds * 1e6, 3),
        "microseconds_of_decoding_the_event": round(decoding * 1e6, 3),
        "scrape_ms": round(scrape * 1e3, 2),
        "scrape_samples": sum(not line.startswith("#") for line in text.splitlines()),
        "scrape_bytes": len(text),
    }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


async def _per_event() -> tuple[float, float]:
    now, persons = time.time(), [str(uuid.uuid4()) for _ in range(EVENTS_PER_CYCLE)]
    records = [suspended(person_id, number, now) for number, person_id in enumerate(persons, start=1)]
    agent, spent, decoding = MeasureEvents(AppliedPositions(), FlowMeasures()), math.inf, math.inf
    for _ in range(CYCLES):
        batch = Batch(0, records, {})
        began = time.perf_counter()
        decoded(batch)
        decoding = min(decoding, time.perf_counter() - began)
        began = time.perf_counter()
        await agent.process(batch)
        await agent.committed(batch)
        spent = min(spent, time.perf_counter() - began)
    return spent / EVENTS_PER_CYCLE, decoding / EVENTS_PER_CYCLE


def _scrape() -> tuple[str, float]:
    flow = FlowMeasures()
    flow.events.update(EVENT_TYPES.keys())
    flow.commands.update((name, status, status) for name in COMMAND_TYPES for status in ("accepted", "refused"))
    topics = (EVENTS, COMMANDS, SAGAS, TIMERS, FOREIGN)
    lanes = [_lane(topic, partition) for topic in topics for partition in range(PARTITIONS)]
    metrics = WorkerMetrics()
    for source in (
        of_flow(flow),
        of_lanes(lambda: lanes),
        of_lag(lambda: lanes, lambda _topic, _partition: 0),
        of_cycles({topic: CycleMeasures() for topic in topics}),
    ):
        metrics.add(source)
    text = metrics.text().decode()
    fastest = math.inf
    for _ in range(SCRAPES):
        began = time.perf_counter()
        metrics.text()
        fastest = min(fastest, time.perf_counter() - began)
    return text, fastest


def _lane(topic: str, partition: int) -> SimpleNamespace:
    return SimpleNamespace(
        topic=topic,
        partition=partition,
        cycles=1,
        records_done=1,
        busy_seconds=1.0,
        backlog=0,
        unfinished=0,
        oldest_ms=None,
        expected_offset=0,
    )


if __name__ == "__main__":
    main()
