"""Spans of messages on their way into JetStream: a connection that tells how long each took to be stored.

Guarantee: a message that was stored before, and one that is refused, has no span: it is not what the trace goes through."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.trace import SpanKind

from bridge.batch import BatchWriter, Outgoing, SentBatch, share_writer
from lanes.failure import stack_of
from tracing.message import TracedMessage, read_message, span_id_of
from tracing.recorder import SpanRecorder

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = "Content-Type"
CLOUDEVENT: Final = "application/cloudevents+json"
LETTER_CAUSE: Final = "Dead-Letter-Cause"
LETTER_CONSUMER: Final = "Dead-Letter-Consumer"

_BATCHED: Final = CLOUDEVENT.encode()
_IDS: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TracedClient(Client):
    """A connection that writes a span for each message that it stores, alone or in a batch."""

    def __init__(self, recorder: SpanRecorder) -> None:
        super().__init__()
        self._recorder = recorder
        share_writer(self, _TracedBatches(self, recorder))

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """As the client does it."""
        if headers is None or (headers.get(CONTENT_TYPE) != CLOUDEVENT and LETTER_CAUSE not in headers):
            return await super().request(subject, payload, timeout, old_style, headers)
        began = time.time_ns()
        reply = await super().request(subject, payload, timeout, old_style, headers)
        _stored(self._recorder, subject, payload, headers, reply.data, began, time.time_ns())
        return reply


class _TracedBatches(BatchWriter):
    """Batches of a connection, each message with its span."""

    def __init__(self, nc: Client, recorder: SpanRecorder) -> None:
        super().__init__(nc)
        self._recorder = recorder
        self._sent: dict[str, tuple[Sequence[Outgoing], int]] = {}

    async def send(self, messages: Sequence[Outgoing]) -> SentBatch:
        began = time.time_ns()
        sent = await super().send(messages)
        self._sent[sent.token] = messages, began
        return sent

    async def answer(self, sent: SentBatch, *, timeout_s: float) -> dict[str, Any]:
        messages, began = self._sent.pop(sent.token, ((), 0))
        answer = await super().answer(sent, timeout_s=timeout_s)
        if "error" not in answer:
            self._write(messages, answer, began, time.time_ns())
        return answer

    def _write(self, messages: Iterable[Outgoing], answer: dict[str, Any], began: int, ended: int) -> None:
        try:
            found = ((one.subject, read_message(one.data)) for one in messages if _BATCHED in one.headers)
            for subject, message in self._recorder.sampled(found):
                if not message.is_root:
                    write_sent(self._recorder, message, subject.decode(), answer, began, ended)
        except Exception as error:
            logger.error("a batch has no spans: %s", stack_of(error))


def _stored(
    recorder: SpanRecorder, subject: str, data: bytes, headers: dict[str, Any], reply: bytes, began: int, ended: int
) -> None:
    """The span of a message that a request has stored. Its sender has its answer, whatever happens here."""
    try:
        message = read_message(data)
        if message is None or not recorder.is_sampled(message):
            return
        answer = orjson.loads(reply)
        if "error" in answer or answer.get("duplicate"):
            return
        if LETTER_CAUSE in headers:
            _write_letter(recorder, message, answer, headers, began, ended)
        elif not message.is_root:
            # A root of this system has no trace context. Who carries it to Kafka writes its first span, as for all senders without one.
            write_sent(recorder, message, subject, answer, began, ended)
    except Exception as error:
        logger.error("a message has no span: %s", stack_of(error))


def write_sent(
    recorder: SpanRecorder, message: TracedMessage, subject: str, answer: Mapping[str, Any], began: int, ended: int
) -> None:
    """The span of a message that is stored. `answer` is the acknowledgement of its stream."""
    stream = str(answer.get("stream", ""))
    attributes: dict[str, Any] = {
        **described(message),
        "messaging.system": "nats",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": stream,
        "messaging.destination.template": _IDS.sub("{id}", subject),
    }
    if (batched := int(answer.get("count", 0))) > 1:
        attributes["messaging.batch.message_count"] = batched
    recorder.write(
        f"publish {stream}",
        SpanKind.PRODUCER,
        message.trace_id,
        message.span_id,
        None if message.is_root else message.sent_by,
        began_ns=began,
        ended_ns=ended,
        attributes=attributes,
    )


def described(message: TracedMessage) -> dict[str, str]:
    """What each span says of its message: ids and the word of its type, never what it holds."""
    said = {"messaging.message.id": message.id, "messaging.message.conversation_id": message.correlation}
    if message.type:
        said["person.message.type"] = message.type
    return said


def _write_letter(
    recorder: SpanRecorder,
    message: TracedMessage,
    answer: dict[str, Any],
    headers: dict[str, Any],
    began: int,
    ended: int,
) -> None:
    cause, consumer = str(headers[LETTER_CAUSE]), str(headers.get(LETTER_CONSUMER, ""))
    stream = str(answer.get("stream", ""))
    recorder.write(
        f"publish {stream}",
        SpanKind.PRODUCER,
        message.trace_id,
        span_id_of(message.id, f"dead letter of {consumer}: {cause}"),
        message.span_id,
        began_ns=began,
        ended_ns=ended,
        attributes={
            **described(message),
            "messaging.system": "nats",
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.destination.name": stream,
            "person.dead_letter.agent": consumer,
        },
        error=cause,
    )
