"""Spans of lane cycles: one of the cycle with its agents, and one of each message that the cycle handled.

Guarantee: agents and lanes are the same whether traces are on or off; a lane whose agents are not wrapped does nothing here."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from opentelemetry.trace import SpanKind

from bridge import headers
from lanes.agent import Batch, LaneAgent
from lanes.failure import stack_of
from lanes.record import Record
from tracing.carrying import span_of
from tracing.message import PROCESS, TracedMessage, read_message, span_id_of, trace_id_of
from tracing.recorder import Moment, SpanRecorder
from tracing.sending import described
from tracing.worker import Describe

logger = logging.getLogger(__name__)

MAX_LINKS: Final = 100
"""Messages that the span of a cycle links; the others link it themselves."""
REMEMBERED: Final = 5000
"""Messages of a topic that are known to be handled already."""
SHORTEST_STEP_NS = 50_000
"""What an agent does in less time has no span: most agents have nothing to do in most cycles."""
ANNOUNCING: Final = "announce"


class TracedLane(NamedTuple):
    """What spans say of a lane: its topic, its consumer group, and whether its messages come from other systems."""

    topic: str
    group: str
    is_foreign: bool


def traced_agents(
    recorder: SpanRecorder,
    lane: TracedLane,
    agents: Sequence[LaneAgent],
    describe: Describe,
    follower: Follower | None = None,
) -> list[LaneAgent]:
    """The same agents, in the same order; the last one writes the spans of each cycle that is durable and announced.

    `follower` is told of each durable cycle before any of the agents is.
    """
    spans = _CycleSpans(recorder, lane, describe, follower)
    return [_TracedAgent(agent, spans, is_first=agent is agents[0], is_last=agent is agents[-1]) for agent in agents]


class Follower(Protocol):
    """What writes spans of what happens behind a cycle."""

    def durable(self, partition: int, messages: Sequence[tuple[int, TracedMessage]], /) -> None:
        """A cycle is durable; its sampled messages come with their stream sequences."""

    def forget(self, partition: int, /) -> None:
        """The partition moves, or its last cycle failed."""


Place = tuple[int, bytes, bytes]
"""Partition, stream and stream sequence of a record."""
_Handled = tuple[Record, TracedMessage]


class _Step(NamedTuple):
    name: str
    began_ns: int
    ended_ns: int


@dataclass
class _Cycle:
    """When a cycle began, when its rows were durable, and what each agent took."""

    began_ns: int
    durable_ns: int = 0
    steps: list[_Step] = field(default_factory=list)
    sampled: Sequence[_Handled] | None = None
    """What is recorded of it; known once it is durable."""


class _TracedAgent(LaneAgent):
    def __init__(self, agent: LaneAgent, spans: _CycleSpans, *, is_first: bool, is_last: bool) -> None:
        self.name = agent.name
        self.tables = agent.tables
        self._agent = agent
        self._spans = spans
        self._is_first = is_first
        self._is_last = is_last

    async def process(self, batch: Batch) -> None:
        began = time.time_ns()
        cycle = _cycle_of(batch)
        await self._agent.process(batch)
        cycle.steps.append(_Step(self.name, began, time.time_ns()))

    async def committed(self, batch: Batch) -> None:
        began = time.time_ns()
        cycle = _cycle_of(batch)
        cycle.durable_ns = cycle.durable_ns or began
        if self._is_first:
            self._spans.durable(batch, cycle)
        await self._agent.committed(batch)
        cycle.steps.append(_Step(f"{ANNOUNCING} {self.name}", began, time.time_ns()))
        if self._is_last:
            self._spans.write(batch, cycle)

    def forget(self, partition: int) -> None:
        self._agent.forget(partition)
        if self._is_first:
            self._spans.forget(partition)


class _CycleSpans:
    """Writes the spans of the cycles of one topic."""

    def __init__(self, recorder: SpanRecorder, lane: TracedLane, describe: Describe, follower: Follower | None) -> None:
        self._recorder = recorder
        self._lane = lane
        self._describe = describe
        self._follower = follower
        self._recent: OrderedDict[Place | None, None] = OrderedDict()

    def durable(self, batch: Batch, cycle: _Cycle) -> None:
        """Choose what is recorded. Spans are no reason to hold a lane up or to have it tell something twice: an error here ends with them."""
        if cycle.sampled is not None:
            return
        try:
            found = self._recorder.sampled((record, read_message(record.value)) for record in batch.records)
            # A lane may get a record twice, at once when it was written and by the fetch; the second handling is short and does nothing.
            cycle.sampled = [one for one in found if _place(batch.partition, one[0]) not in self._recent]
            if self._follower is not None and cycle.sampled:
                numbered = ((record.headers.get(headers.SEQUENCE, b""), one) for record, one in cycle.sampled)
                self._follower.durable(batch.partition, [(int(text), one) for text, one in numbered if text.isdigit()])
        except Exception as error:
            logger.error("a cycle of %s has no spans: %s", self._lane.topic, stack_of(error))

    def forget(self, partition: int) -> None:
        """What waits of the partition is not this worker's any more."""
        if self._follower is not None:
            self._follower.forget(partition)

    def write(self, batch: Batch, cycle: _Cycle) -> None:
        """Write the spans, under the same promise."""
        try:
            handled = cycle.sampled or ()
            for record, _ in handled:
                self._remember(batch.partition, record)
            if handled:
                self._write(batch, cycle, handled)
        except Exception as error:
            logger.error("a cycle of %s has no spans: %s", self._lane.topic, stack_of(error))

    def _write(self, batch: Batch, cycle: _Cycle, handled: Sequence[_Handled]) -> None:
        ended = time.time_ns()
        known: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": self._lane.topic,
            "messaging.destination.partition.id": str(batch.partition),
            "messaging.consumer.group.name": self._lane.group,
        }
        cycle_trace, cycle_span = self._write_cycle(batch, cycle, handled, known, ended)
        more = self._describe(batch, frozenset(message.id for _, message in handled))
        for record, message in handled:
            attributes = {**known, **described(message), **more.get(message.id, {})}
            if record.offset >= 0:
                attributes["messaging.kafka.offset"] = record.offset
            if (sequence := record.headers.get(headers.SEQUENCE, b"")).isdigit():
                attributes["person.stream.sequence"] = int(sequence)
            self._recorder.write(
                f"process {self._lane.topic}",
                SpanKind.CONSUMER,
                message.trace_id,
                span_id_of(message.id, PROCESS),
                span_of(message, is_foreign=self._lane.is_foreign),
                began_ns=cycle.began_ns,
                ended_ns=ended,
                attributes=attributes,
                links=[(cycle_trace, cycle_span)],
                moments=[Moment("durable", cycle.durable_ns)],
            )

    def _remember(self, partition: int, record: Record) -> None:
        place = _place(partition, record)
        if place is not None:
            self._recent[place] = None
            if len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)

    def _write_cycle(
        self,
        batch: Batch,
        cycle: _Cycle,
        handled: Sequence[_Handled],
        known: Mapping[str, str | int],
        ended: int,
    ) -> tuple[int, int]:
        """The span of the cycle, in a trace of its own: it belongs to many."""
        # A cycle that comes again is another one.
        name = f"{self._lane.topic}/{batch.partition}/{handled[0][1].id}/{cycle.began_ns}"
        trace_id, span_id = trace_id_of(name), span_id_of(name, "cycle")
        self._recorder.write(
            f"process batch {self._lane.topic}",
            SpanKind.CONSUMER,
            trace_id,
            span_id,
            None,
            began_ns=cycle.began_ns,
            ended_ns=ended,
            attributes={**known, "messaging.batch.message_count": len(batch.records)},
            links=[
                (message.trace_id, span_of(message, is_foreign=self._lane.is_foreign))
                for _, message in handled[:MAX_LINKS]
            ],
            moments=[Moment("durable", cycle.durable_ns)],
        )
        for step in cycle.steps:
            if step.ended_ns - step.began_ns < SHORTEST_STEP_NS:
                continue
            self._recorder.write(
                step.name,
                SpanKind.INTERNAL,
                trace_id,
                span_id_of(name, step.name),
                span_id,
                began_ns=step.began_ns,
                ended_ns=step.ended_ns,
                attributes={},
            )
        return trace_id, span_id


def _place(partition: int, record: Record) -> Place | None:
    """Where a record is stored; None for one that says nothing of it, which is always new."""
    sequence = record.headers.get(headers.SEQUENCE, b"")
    return (partition, record.headers.get(headers.STREAM, b""), sequence) if sequence else None


def _cycle_of(batch: Batch) -> _Cycle:
    return batch.once("traced cycle", lambda: _Cycle(time.time_ns()))
