"""Writes spans of what has happened, under ids that follow from messages, and hands them to an exporter that works in its own thread.

Guarantee: writing a span never waits and never fails a caller; what the exporter cannot take in time, or not at all, is dropped and counted.
Sampling follows the sender of a root, else the sampler: each worker decides the same about the same trace."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation import set_span_in_context
from opentelemetry.util.types import AttributeValue

from tracing.message import SEND, TracedMessage, TraceParent, span_id_of, write_traceparent

logger = logging.getLogger(__name__)

SCOPE: Final = "person-stream"
CLOSE_BUDGET_S: Final = 2.0
"""So long a stopping worker waits for its last spans."""
AT_ONCE: Final = 250
"""Messages of one cycle, or of one write to Kafka, that are recorded: some milliseconds of a lane's time at most."""
TOO_MANY: Final = "too_many"
QUEUE_FULL: Final = "queue_full"
NOT_EXPORTED: Final = "not_exported"

T = TypeVar("T")
Attributes = Mapping[str, AttributeValue]


class Moment(NamedTuple):
    """Something that happened within a span; `at_ns` is in nanoseconds since the epoch."""

    name: str
    at_ns: int


class SpanRecorder:
    """The spans of one process. All calls come from one thread."""

    def __init__(self, exporter: SpanExporter, resource: Resource, *, max_queue: int, max_export: int = 512) -> None:
        self.written = 0
        """Spans that were handed to the exporter."""
        self.dropped: Counter[str] = Counter({TOO_MANY: 0, QUEUE_FULL: 0, NOT_EXPORTED: 0})
        """Spans that were lost, by reason."""
        self._max_queue = max_queue
        self._exporter = _CountingExporter(exporter, self.dropped)
        self._ids = _DerivedIds()
        # The one that OTEL_TRACES_SAMPLER names. What is written was sampled before, by its message.
        self._sampler = TracerProvider(shutdown_on_exit=False).sampler
        # Its own: the process may have other providers, and none of them is touched.
        self._provider = TracerProvider(ALWAYS_ON, resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter, max_queue_size=max_queue, max_export_batch_size=min(max_export, max_queue)
            )
        )
        self._tracer = self._provider.get_tracer(SCOPE)

    def is_sampled(self, message: TracedMessage) -> bool:
        """Whether the trace of a message is recorded."""
        return self.samples(message.trace_id, message.parent)

    def samples(self, trace_id: int, parent: TraceParent | None) -> bool:
        """Whether a trace is recorded that has this parent, or none."""
        context = None if parent is None else _as_parent(trace_id, parent.span_id, sampled=parent.sampled)
        return self._sampler.should_sample(context, trace_id, "").decision is Decision.RECORD_AND_SAMPLE

    def sampled(self, found: Iterable[tuple[T, TracedMessage | None]]) -> list[tuple[T, TracedMessage]]:
        """Those of a cycle or a write whose traces are recorded, the first ones where they are too many."""
        chosen = [(one, message) for one, message in found if message is not None and self.is_sampled(message)]
        self.dropped[TOO_MANY] += max(0, len(chosen) - AT_ONCE)
        return chosen[:AT_ONCE]

    def traceparent(self, message: TracedMessage) -> str:
        """What a root that this process sends carries, so that all that follows from it hangs below its span."""
        return write_traceparent(message.trace_id, span_id_of(message.id, SEND), sampled=self.is_sampled(message))

    def write(
        self,
        name: str,
        kind: SpanKind,
        trace_id: int,
        span_id: int,
        parent_id: int | None,
        *,
        began_ns: int,
        ended_ns: int,
        attributes: Attributes,
        links: Iterable[tuple[int, int]] = (),
        moments: Sequence[Moment] = (),
        error: str | None = None,
    ) -> None:
        """Write one span of a sampled trace. `links` are pairs of trace and span id; `error` names the kind of a failure, never its text."""
        if self.written - self._exporter.taken >= self._max_queue:
            self.dropped[QUEUE_FULL] += 1
            return
        self._ids.trace_id, self._ids.span_id = trace_id, span_id
        context = Context() if parent_id is None else _as_parent(trace_id, parent_id, sampled=True)
        span = self._tracer.start_span(
            name,
            context,
            kind,
            attributes,
            [Link(_remote(trace, span, sampled=True)) for trace, span in links],
            began_ns,
        )
        for moment in moments:
            span.add_event(moment.name, timestamp=moment.at_ns)
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR))
        if span.is_recording():
            # A hair longer than nothing, so that what happened at one moment is drawn.
            span.end(max(ended_ns, began_ns + 1))
            self.written += 1

    async def close(self) -> None:
        """Export what is left, within a budget: a collector that is away holds nobody up."""
        # A daemon, so that what still waits for a collector does not keep the process alive.
        closing = threading.Thread(target=self._provider.shutdown, name="close traces", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_BUDGET_S)


class _DerivedIds(IdGenerator):
    """Gives the ids that were put here last."""

    def __init__(self) -> None:
        self.trace_id = self.span_id = 1

    def generate_span_id(self) -> int:
        return self.span_id

    def generate_trace_id(self) -> int:
        return self.trace_id


class _CountingExporter(SpanExporter):
    """Counts what the exporter took, and what it could not deliver."""

    def __init__(self, inner: SpanExporter, dropped: Counter[str]) -> None:
        self.taken = 0
        self._inner = inner
        self._dropped = dropped

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        try:
            result = self._inner.export(spans)
        except Exception as error:
            logger.warning("%s spans could not be exported: %s", len(spans), type(error).__name__)
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._dropped[NOT_EXPORTED] += len(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _as_parent(trace_id: int, span_id: int, *, sampled: bool) -> Context:
    return set_span_in_context(NonRecordingSpan(_remote(trace_id, span_id, sampled=sampled)), Context())


def _remote(trace_id: int, span_id: int, *, sampled: bool) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(int(sampled)))
