"""Tells a saga what became of its commands: the outcome comes back to it as a SignalSaga command, on the way that all its inputs take.

Guarantee: each outcome that is told of a saga's command is signalled at least once, under an id that repetitions share; an outcome that may
change, `failed`, has an id for each message that asked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson
from nats.aio.client import Client

from agents.publishing import publish_event
from bridge import headers
from domain.canonical import encode
from domain.envelope import CONTENT_TYPE, MAX_DEPTH, SPEC_VERSION, trace_context
from domain.ids import derive, is_uuid
from domain.times import format_instant
from lanes.record import Record

SIGNAL: Final = "person.commands.saga.signal"
OUTCOME: Final = "outcome"
PERSON_OF_SAGA: Final = "x_saga_person_id"
"""Member of the context of a saga's command: the person of the saga, who may be another than the command's."""

_MARK: Final = b'"saga:'
_SAGA: Final = re.compile(r"saga:[a-z_]{1,64}")
_TOLD: Final = ("status", "code", "facts", "version")


class Signal(NamedTuple):
    """A command to a saga, ready to be published."""

    command_id: str
    data: bytes


async def signal_outcomes(nc: Client, told: Iterable[tuple[Record, bytes]]) -> None:
    """Signal the outcomes of saga commands among pairs of command record and outcome message; returns once all signals are stored.

    Raises what `publish` raises; those before may be stored then.
    """
    signals = [signal for record, message in told if (signal := signal_of(record, message)) is not None]
    if signals:
        await asyncio.gather(*(publish_event(nc, SIGNAL, one.data, one.command_id) for one in signals))


def signal_of(record: Record, message: bytes) -> Signal | None:
    """The signal of an outcome, None unless a saga sent the command."""
    # Nearly all commands come of people; one look into the bytes tells.
    if _MARK not in record.value:
        return None
    command = orjson.loads(record.value)
    context = _object(_object(command.get("data")).get("context"))
    saga_id, person_id = context.get("saga_id"), context.get(PERSON_OF_SAGA)
    command_id, correlation_id, depth = (command.get(name) for name in ("id", "correlationid", "causationdepth"))
    # Anybody may claim to be a saga. What no saga writes is nobody's business here, and stops no lane.
    if not _SAGA.fullmatch(str(command.get("actor"))) or type(depth) is not int or not 0 <= depth <= MAX_DEPTH:
        return None
    if not all(map(is_uuid, (saga_id, person_id, command_id, correlation_id))):
        return None
    outcome = orjson.loads(message)
    status, code = outcome["status"], outcome.get("code", "")
    # A command that failed is sent again under its id and may fail again, which is news.
    number = headers.sequence_or(record.headers, record.offset) if status == "failed" else 0
    answer_id = signal_id(command_id, status, code, number)
    data = {"command_id": command_id, **{name: outcome[name] for name in _TOLD if outcome.get(name) is not None}}
    envelope = {
        "specversion": SPEC_VERSION,
        "id": answer_id,
        "type": SIGNAL,
        "source": "/person",
        "subject": saga_id,
        "partitionkey": person_id,
        "time": format_instant(datetime.now(UTC)),
        "datacontenttype": CONTENT_TYPE,
        "dataversion": 1,
        "correlationid": correlation_id,
        "causationid": command_id,
        # The depth of a saga counts its commands, not the answers to them.
        "causationdepth": depth,
        "actor": command["actor"],
        "traceparent": trace_context(command.get("traceparent")),
        "data": {"signal": OUTCOME, "data": data},
    }
    return Signal(answer_id, encode(envelope))


def signal_id(command_id: str, status: str, code: str = "", number: int = 0) -> str:
    """Id of the signal that tells a saga of an outcome; `number` tells failures of one command apart."""
    return derive(command_id, f"outcome:{status}:{code}:{number}")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
