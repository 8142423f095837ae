"""Spans of an index that follows the tables of a lane: one of each batch of rows, and below the handling of each message the moment from
which the index shows it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from opentelemetry.trace import SpanKind

from lanes.failure import stack_of
from tracing.cycles import MAX_LINKS
from tracing.message import PROCESS, TracedMessage, span_id_of, trace_id_of
from tracing.recorder import SpanRecorder
from tracing.sending import described

logger = logging.getLogger(__name__)

INDEX: Final = "index"
"""The step in which an index takes what a message has changed."""
WAITING: Final = 1000
"""Messages of a partition that are durable and wait for the index; of more, the oldest ones have no span of it."""


class Indexing(Protocol):
    """An index that tells how far it is."""

    @property
    def on_indexed(self) -> list[Callable[[int, int, int, float], None]]:
        """Each is told a partition, the stream sequence up to which it is indexed, the rows that it took, and the seconds."""


class IndexSpans:
    """The spans of the index that follows one topic."""

    def __init__(self, recorder: SpanRecorder, topic: str) -> None:
        self._recorder = recorder
        self._topic = topic
        self._waiting: dict[int, deque[tuple[int, TracedMessage]]] = {}

    def durable(self, partition: int, messages: Sequence[tuple[int, TracedMessage]]) -> None:
        """Messages by stream sequence that a cycle has committed, before the index hears of their rows."""
        self._waiting.setdefault(partition, deque(maxlen=WAITING)).extend(messages)

    def forget(self, partition: int) -> None:
        """The partition moves: what waits would be told with the time at which it comes back."""
        self._waiting.pop(partition, None)

    def indexed(self, partition: int, stream_sequence: int, rows: int, seconds: float) -> None:
        """A partition is indexed up to a stream sequence; messages that changed no row of the index have no span of it."""
        waiting = self._waiting.get(partition)
        if not waiting:
            return
        done = [message for sequence, message in waiting if sequence <= stream_sequence]
        self._waiting[partition] = deque((one for one in waiting if one[0] > stream_sequence), WAITING)
        if not (done and rows):
            return
        try:
            self._write(partition, done, rows, seconds)
        except Exception as error:
            # The index holds the rows; without their spans they are no less.
            logger.error("an index of %s has no spans: %s", self._topic, stack_of(error))

    def _write(self, partition: int, done: Sequence[TracedMessage], rows: int, seconds: float) -> None:
        ended = time.time_ns()
        began = ended - int(seconds * 1e9)
        name = f"{self._topic}/{partition}/{done[0].id}/{began}"
        batch_trace, batch_span = trace_id_of(name), span_id_of(name, INDEX)
        known: dict[str, str | int] = {
            "messaging.destination.name": self._topic,
            "messaging.destination.partition.id": str(partition),
        }
        self._recorder.write(
            f"index batch {self._topic}",
            SpanKind.INTERNAL,
            batch_trace,
            batch_span,
            None,
            began_ns=began,
            ended_ns=ended,
            attributes={**known, "messaging.batch.message_count": len(done), "person.index.rows": rows},
            links=[(one.trace_id, span_id_of(one.id, PROCESS)) for one in done[:MAX_LINKS]],
        )
        for one in done:
            self._recorder.write(
                f"index {self._topic}",
                SpanKind.INTERNAL,
                one.trace_id,
                span_id_of(one.id, INDEX),
                span_id_of(one.id, PROCESS),
                began_ns=began,
                ended_ns=ended,
                attributes={**known, **described(one)},
                links=[(batch_trace, batch_span)],
            )
