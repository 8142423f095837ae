"""Spans of messages that the bridge carries from JetStream to Kafka, and the first span of those whose senders write none."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

from opentelemetry.trace import SpanKind

from bridge import headers
from bridge.ingress import KafkaRecord, KafkaWriter
from lanes.failure import stack_of
from tracing.message import CARRY, SEND, TracedMessage, read_message, span_id_of
from tracing.recorder import SpanRecorder
from tracing.sending import described

logger = logging.getLogger(__name__)


def traced_writer(recorder: SpanRecorder, write: KafkaWriter, *, foreign_topic: str) -> KafkaWriter:
    """The same writer, with a span for each message once Kafka has it.

    Messages on `foreign_topic` come from other systems, which say nothing to this recorder.
    """
    return _TracedWriter(recorder, write, foreign_topic)


class _TracedWriter:
    def __init__(self, recorder: SpanRecorder, write: KafkaWriter, foreign_topic: str) -> None:
        self._recorder = recorder
        self._write = write
        self._foreign_topic: Final = foreign_topic

    async def __call__(self, topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        began = time.time_ns()
        await self._write(topic, by_partition)
        ended = time.time_ns()
        try:
            written = ((partition, record) for partition, records in by_partition.items() for record in records)
            for (partition, record), message in self._recorder.sampled(
                (one, read_message(one[1].value)) for one in written
            ):
                self._carried(message, record, topic, partition, began, ended)
        except Exception as error:
            # The records are in Kafka; without their spans they are no less.
            logger.error("a write to %s has no spans: %s", topic, stack_of(error))

    def _carried(
        self, message: TracedMessage, record: KafkaRecord, topic: str, partition: int, began: int, ended: int
    ) -> None:
        known = dict(record.headers)
        is_foreign = topic == self._foreign_topic
        if is_foreign or (message.is_root and message.parent is None):
            self._stored(message, known, record.timestamp_ms, is_foreign=is_foreign)
        attributes: dict[str, str | int] = {
            **described(message),
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
        }
        if (sequence := known.get(headers.SEQUENCE, b"")).isdigit():
            attributes["person.stream.sequence"] = int(sequence)
        self._recorder.write(
            f"send {topic}",
            SpanKind.PRODUCER,
            message.trace_id,
            span_id_of(message.id, CARRY),
            span_of(message, is_foreign=is_foreign),
            began_ns=began,
            ended_ns=ended,
            attributes=attributes,
        )

    def _stored(self, message: TracedMessage, known: Mapping[str, bytes], at_ms: int, *, is_foreign: bool) -> None:
        """The span of a message whose sender wrote none: the moment in which JetStream stored it."""
        stored = known.get(headers.STORED, b"")
        at = int(stored) if stored.isdigit() else at_ms * 1_000_000
        stream = known.get(headers.STREAM, b"").decode(errors="replace")
        parent = message.sent_by
        if is_foreign and not message.is_root:
            # What another system did with its cause is not seen here.
            parent = span_id_of(message.causation, SEND)
        self._recorder.write(
            f"publish {stream}",
            SpanKind.PRODUCER,
            message.trace_id,
            span_of(message, is_foreign=is_foreign),
            parent,
            began_ns=at,
            ended_ns=at,
            attributes={
                **described(message),
                "messaging.system": "nats",
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.destination.name": stream,
            },
        )


def span_of(message: TracedMessage, *, is_foreign: bool) -> int:
    """The span that stands for a message; one of another system gets one of its own, below that which its sender names."""
    return span_id_of(message.id, SEND) if is_foreign else message.span_id
