"""One message on the way of a flow: what its envelope says, and where and when JetStream stored it.

No hop holds what a message is about: ids, words of the catalogue, times and codes only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

from agents.saga_signals import SIGNAL
from bridge.jetstream import Delivery
from config import streams
from domain.command_address import command_address
from domain.ids import is_uuid
from domain.times import parse_instant
from tracing.message import read_message

Kind = Literal["command", "event", "saga event", "request", "answer", "decision", "rule event", "dead letter"]
"""`request`: a command to another domain; `answer`: an event of one."""

KINDS: Final[dict[str, Kind]] = {
    streams.COMMANDS: "command",
    streams.EVENTS: "event",
    streams.SAGAS: "saga event",
    streams.OUTBOUND: "request",
    streams.DECISIONS: "decision",
    streams.RULES: "rule event",
    streams.DEAD_LETTERS: "dead letter",
    **{streams.neighbour_stream(domain): "answer" for domain in streams.NEIGHBOURS},
}
"""What the streams hold, by stream: all that a flow may go through."""

_DETAILS: Final[dict[Kind, tuple[str, ...]]] = {
    "saga event": ("step", "direction", "attempt", "cause", "code"),
    "decision": ("verdict", "code", "fault"),
    "rule event": ("version",),
}
"""Members of the data that tell what happened and are words or numbers, whoever wrote them. Elsewhere the same names may hold what people say."""


@dataclass(frozen=True)
class Hop:
    """A message. One without a stream is known only by what it caused: it was removed since, or it was never stored here."""

    id: str
    kind: Kind
    type: str
    causation: str
    correlation: str
    depth: int
    time: datetime | None = None
    """The time that the message says."""
    actor: str = ""
    person_id: str = ""
    saga_id: str = ""
    stream: str = ""
    stream_sequence: int = 0
    stored_at: datetime | None = None
    """When JetStream stored it, which for a command is when its sender got the acknowledgement."""
    partition: int | None = None
    version: int | None = None
    """The `sequence` of an event or a saga event."""
    detail: str = ""
    trace_id: str = ""
    visible: bool | None = None
    """Of events and saga events: whether all tables hold it and all its effects are sent. None: not known."""
    outcome: str = ""
    """Of a command: `accepted` with events in the stream, else what the workers say when they are asked."""


def hop_of(stream: str, delivery: Delivery) -> Hop | None:
    """The hop that a stored message is; None for what has no envelope."""
    traced = read_message(delivery.data)
    if traced is None:
        return None
    document: dict[str, Any] = orjson.loads(delivery.data)
    kind = KINDS[stream]
    found: Any = document.get("data")
    data: dict[str, Any] = found if isinstance(found, dict) else {}
    detail = _words(data, _DETAILS.get(kind, ()))
    if traced.type == SIGNAL:
        told = data.get("data")
        detail = f"{_text(data, 'signal')} {_words(told if isinstance(told, dict) else {}, ('status', 'code'))}".strip()
    message_id, causation = traced.id, traced.causation
    if kind == "dead letter":
        # The letter is a message of its own, caused by what could not be handled.
        message_id, causation = f"{stream}:{delivery.stream_sequence}", traced.id
        detail = " ".join(delivery.headers.get(f"Dead-Letter-{name}", "") for name in ("Consumer", "Cause", "Reason"))
    tokens = delivery.subject.split(".")
    partition = int(tokens[4]) if kind in ("event", "saga event") and tokens[4].isdigit() else None
    saga_id = tokens[-1] if kind == "saga event" else _text(data, "saga_id")
    depth = document.get("causationdepth")
    sequence = document.get("sequence")
    return Hop(
        message_id,
        kind,
        traced.type,
        causation,
        traced.correlation,
        depth if isinstance(depth, int) else 0,
        _time(document.get("time")),
        _text(document, "actor"),
        _person(kind, document, data, delivery),
        saga_id if is_uuid(saga_id) else "",
        stream,
        delivery.stream_sequence,
        datetime.fromtimestamp(delivery.stored_ns / 1e9, UTC),
        partition,
        sequence if isinstance(sequence, int) else None,
        detail,
        f"{traced.trace_id:032x}",
    )


def _person(kind: Kind, document: dict[str, Any], data: dict[str, Any], delivery: Delivery) -> str:
    if kind == "command":
        person_id = command_address(delivery.data).key
    elif kind == "event":
        person_id = delivery.subject.rpartition(".")[2]
    else:
        person_id = _text(document, "partitionkey") or _text(data, "person_id") or _text(document, "subject")
    return person_id if person_id is not None and is_uuid(person_id) else ""


def _words(members: dict[str, Any], names: Iterable[str]) -> str:
    return " ".join(str(members[name]) for name in names if isinstance(members.get(name), str | int))


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _time(value: object) -> datetime | None:
    try:
        return parse_instant(str(value))
    except ValueError:
        return None
