"""What a trace has to know of a message: its id, its cause and its trace, read from the envelope alone.

Guarantee: ids of traces and spans follow from ids of messages. Whoever sees a message, on whatever worker and however often, finds the same
trace, the same span and the same parent, so no message has to carry more than its sender gave it."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TYPE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+){0,7}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1

SEND: Final = "send"
"""The step in which a message is stored; its span stands for the message, and others hang below it or link it."""
PROCESS: Final = "process"
"""The step in which a lane handles a message; what the message causes hangs below its span."""
CARRY: Final = "carry"
"""The step in which the bridge writes a message to Kafka."""


class TraceParent(NamedTuple):
    """The W3C trace context that the sender of a root gave it; everything that follows from the root repeats it."""

    trace_id: int
    span_id: int
    sampled: bool


class TracedMessage(NamedTuple):
    """The envelope of a command, an event or a saga event, as far as traces need it."""

    id: str
    type: str
    """Empty for what is no word of a catalogue."""
    correlation: str
    causation: str
    parent: TraceParent | None

    @property
    def is_root(self) -> bool:
        """Whether nothing within the system caused it."""
        return self.causation == self.id

    @property
    def sent_by(self) -> int | None:
        """The span in which it was sent: of a root that of its sender, if it said one; of others the handling of their cause."""
        if not self.is_root:
            return span_id_of(self.causation, PROCESS)
        return None if self.parent is None else self.parent.span_id

    @property
    def span_id(self) -> int:
        """The span that stands for the message. A root with a trace context has that of its sender; nobody else writes one for it."""
        if self.is_root and self.parent is not None:
            return self.parent.span_id
        return span_id_of(self.id, SEND)

    @property
    def trace_id(self) -> int:
        """The trace that the sender of its root began, else the one that follows from its correlation."""
        return self.parent.trace_id if self.parent is not None else trace_id_of(self.correlation)


def read_message(raw: bytes | None) -> TracedMessage | None:
    """The message in raw bytes, None for what is no message with an id."""
    try:
        document: Any = orjson.loads(raw or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict):
        return None
    message_id = _id(document.get("id"))
    if message_id is None:
        return None
    kind = document.get("type")
    return TracedMessage(
        message_id,
        kind if isinstance(kind, str) and len(kind) <= 100 and _TYPE.fullmatch(kind) else "",
        _id(document.get("correlationid")) or message_id,
        _id(document.get("causationid")) or message_id,
        read_traceparent(document.get("traceparent")),
    )


def read_traceparent(text: object) -> TraceParent | None:
    """A `traceparent`, None for anything else and for ids of zeros."""
    found = _TRACEPARENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return TraceParent(trace_id, span_id, bool(flags & _SAMPLED)) if trace_id and span_id else None


def write_traceparent(trace_id: int, span_id: int, *, sampled: bool) -> str:
    """A `traceparent` of version 00."""
    return f"00-{trace_id:032x}-{span_id:016x}-{_SAMPLED if sampled else 0:02x}"


def trace_id_of(correlation_id: str) -> int:
    """The trace of a correlation whose root came without one.

    It is a digest and not the id itself: samplers look at the lower half, of which an id of version 7 fixes the first bits.
    """
    return _digest(f"trace/{correlation_id}", 16)


def span_id_of(message_id: str, step: str) -> int:
    """The span of one step of a message, for instance `send` or `process`."""
    return _digest(f"{step}/{message_id}", 8)


def _id(value: object) -> str | None:
    text = value.lower() if isinstance(value, str) else ""
    return text if _ID.fullmatch(text) else None


def _digest(text: str, size: int) -> int:
    # Zero is no id.
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest()) or 1
