"""Records what became of the commands of policies that were not accepted: a decision `refused` with the code. They are not sent again.

Guarantee: each such outcome is recorded at least once, under an id that repetitions share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
from nats.aio.client import Client
from pydantic import ValidationError

from agents.policy_counters import PolicyCounters
from agents.publishing import publish_event
from bridge import headers
from domain.envelope import trace_context
from domain.policies.rule_events import RuleEvent, refused, rule_event_subject, write_rule_event
from domain.times import parse_instant
from lanes.record import Record

_MARK: Final = b'"policy:'


class SentCommand(NamedTuple):
    """As much of a policy's command as its record needs; the rest may have been what it was refused for."""

    id: str
    actor: str
    now: datetime
    correlationid: str
    causationid: str
    causationdepth: int
    traceparent: str | None


async def record_refusals(nc: Client, told: Iterable[tuple[Record, bytes]], counters: PolicyCounters) -> None:
    """Record the outcomes among pairs of command record and outcome message that are not `accepted` and whose command a policy sent.

    Returns once all are stored; raises what `publish` raises, and those before may be stored then.
    """
    records = [record for command, message in told if (record := refusal_of(command, message)) is not None]
    if not records:
        return
    await asyncio.gather(
        *(
            publish_event(nc, rule_event_subject("decided", one.policy_id), write_rule_event(one), one.id)
            for one in records
        )
    )
    for one in records:
        counters.refused(one.policy_id)


def refusal_of(record: Record, message: bytes) -> RuleEvent | None:
    """The record of an outcome, None unless a policy sent the command and it was not accepted."""
    # Nearly all commands come of people; one look into the bytes tells.
    if _MARK not in record.value:
        return None
    command: dict[str, Any] = orjson.loads(record.value)
    outcome = orjson.loads(message)
    kind, _, _ = str(command.get("actor")).partition("@")
    if not kind.startswith("policy:") or kind == command.get("actor") or outcome["status"] == "accepted":
        return None
    sent = SentCommand(
        command["id"],
        command["actor"],
        _time(command.get("time"), record),
        command.get("correlationid", command["id"]),
        command.get("causationid", command["id"]),
        command.get("causationdepth", 0),
        trace_context(command.get("traceparent")),
    )
    try:
        return refused(sent, outcome["code"])
    except ValidationError:
        # Anybody may claim to be a policy. What no policy writes is nobody's business here, and stops no lane.
        return None


def _time(text: object, record: Record) -> datetime:
    try:
        return parse_instant(str(text))
    except ValueError:
        return headers.stored_at(record.headers)
