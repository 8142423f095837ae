"""What traces cost a lane: `python -m tests.tracing.cost` prints microseconds an event, off, on without a sampled message, and on.

Off is the plain agent, so the first figure is what a cycle costs anyway; the agent here does nothing, so that the others are the cost of traces alone."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lanes.agent import Batch, LaneAgent
from tests.tracing.test_traces_follow_from_messages import Folding, event_record
from tracing.cycles import TracedLane, traced_agents
from tracing.recorder import SpanRecorder

RECORDS = 200
CYCLES = 50


async def measured(agents: Sequence[LaneAgent], sampled: bool) -> float:
    """Median microseconds that one record costs."""
    took = []
    for number in range(CYCLES):
        records = [event_record(number * RECORDS + one, sampled=sampled) for one in range(RECORDS)]
        batch = Batch(0, records, {})
        began = time.perf_counter()
        for agent in agents:
            await agent.process(batch)
        for agent in agents:
            await agent.committed(batch)
        took.append((time.perf_counter() - began) / RECORDS * 1e6)
    return statistics.median(took)


async def main() -> None:
    recorder = SpanRecorder(InMemorySpanExporter(), Resource({}), max_queue=100_000)
    lane = TracedLane("person.events", "person", is_foreign=False)
    plain: list[LaneAgent] = [Folding("fold_persons")]
    traced = traced_agents(recorder, lane, plain, lambda *_: {})
    for name, agents, sampled in (
        ("off", plain, True),
        ("on, not sampled", traced, False),
        ("on, every event sampled", traced, True),
    ):
        sys.stdout.write(f"{name:<24} {await measured(agents, sampled):8.2f} us an event\n")
    await recorder.close()


if __name__ == "__main__":
    asyncio.run(main())
