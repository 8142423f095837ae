"""Why a policy fired or did not on one event: its condition part by part, what it read, its command, and what was recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from nats.aio.client import Client
from pydantic import JsonValue

from config.streams import DECISIONS
from domain.events import Event
from domain.origin import tells_of_the_past
from domain.policies.checked import CheckedPolicy, CompiledCommand, expressions_of
from domain.policies.evaluation import Judgement, judge
from domain.policies.expression import BadExpression, Expression, Unclear
from domain.policies.names import vocabulary_of
from domain.policies.occasion import Occasion
from domain.policies.rule_event_data import RuleDecided
from domain.policies.rule_events import inputs_digest, read_rule_event, rule_event_subject
from domain.times import format_instant
from domain.undecodable import Undecodable
from ops.policies.parts import Part, parts_of
from ops.policies.replay import Happened, events_of_type, history, person_of, stored_messages
from ops.policies.visible import HIDDEN, inputs_of, is_open, reads_open


class Recorded(NamedTuple):
    """A decision that the running system has recorded."""

    stored_at: datetime
    data: RuleDecided

    def as_data(self) -> dict[str, Any]:
        """For machines."""
        return {"stored_at": format_instant(self.stored_at), **self.data.model_dump(mode="json", exclude_none=True)}


class Evaluated(NamedTuple):
    """A part of a condition, and what it came to: true, false or a fault."""

    depth: int
    text: str
    joined: str | None
    value: bool | str


class Explanation(NamedTuple):
    """Everything that there is to say about one policy and one event. `asked` is false for an event of another type or of the past."""

    policy: CheckedPolicy
    event: Event
    asked: bool
    not_asked_because: str | None
    judgement: Judgement | None
    parts: tuple[Evaluated, ...]
    inputs: dict[str, str | None]
    command: dict[str, Any] | None
    recorded: tuple[Recorded, ...]
    same_inputs: bool | None
    """Whether the recorded decision of this version read the same; None if there is none with a digest."""

    def as_data(self) -> dict[str, Any]:
        """For machines."""
        judgement = self.judgement
        return {
            "policy": self.policy.name,
            "event": {
                "id": self.event.id,
                "type": self.event.type,
                "person_id": self.event.person_id,
                "sequence": self.event.sequence,
            },
            "asked": self.asked,
            "not_asked_because": self.not_asked_because,
            "verdict": judgement.verdict if judgement else None,
            "fault": judgement.fault if judgement else None,
            "parts": [one._asdict() for one in self.parts],
            "inputs": self.inputs,
            "command": self.command,
            "recorded": [one.as_data() for one in self.recorded],
            "same_inputs": self.same_inputs,
        }


async def find(nc: Client, policy: CheckedPolicy, event_id: str, person_id: str | None) -> Happened | None:
    """The event, of the person named, else among all events of the type that the policy is asked about."""
    if person_id is None:
        person_id = await _person_of(nc, policy, event_id)
        if person_id is None:
            return None
    async for happened in history(nc, person_id):
        if any(part.id == event_id for part in happened.event.parts) or happened.event.id == event_id:
            return happened
    return None


async def explain(
    nc: Client, policy: CheckedPolicy, happened: Happened, event_id: str, *, show_data: bool
) -> Explanation:
    """Ask the policy about an event again, and put beside it what was recorded."""
    event = next((part for part in happened.event.parts if part.id == event_id), happened.event)
    recorded = [one async for one in _recorded(nc, policy, event.id)]
    reason = _not_asked(policy, event)
    if event.type != policy.trigger:
        return Explanation(policy, event, False, reason, None, (), {}, None, tuple(recorded), None)
    occasion = Occasion.of_event(event, happened.person)
    judgement = judge(policy, occasion, shadow=False)
    return Explanation(
        policy,
        event,
        reason is None,
        reason,
        judgement,
        tuple(_evaluated(policy, parts_of(policy.condition.text), occasion, 0)),
        _inputs(policy, occasion, show_data),
        _command(policy, judgement, show_data),
        tuple(recorded),
        _same_inputs(policy, occasion, recorded),
    )


def _not_asked(policy: CheckedPolicy, event: Event) -> str | None:
    if event.type != policy.trigger:
        return f"the event is {event.type}, and the policy is asked about {policy.trigger}"
    if tells_of_the_past(event):
        return "the event was imported or migrated: it tells of the past, and fires nothing"
    return None


async def _person_of(nc: Client, policy: CheckedPolicy, event_id: str) -> str | None:
    mark = event_id.encode()
    async with aclosing(events_of_type(nc, policy.trigger)) as events:
        async for found in events:
            if mark in found.data and _id_of(found.data) == event_id:
                return person_of(found)
    return None


def _id_of(document: bytes) -> str | None:
    try:
        found = orjson.loads(document)
    except orjson.JSONDecodeError:
        return None
    return found.get("id") if isinstance(found, dict) else None


async def _recorded(nc: Client, policy: CheckedPolicy, event_id: str) -> AsyncIterator[Recorded]:
    mark = event_id.encode()
    async for message in stored_messages(nc, DECISIONS, rule_event_subject("decided", policy.policy_id)):
        if mark not in message.data:
            continue
        try:
            event = read_rule_event(message.data, subject=message.subject)
        except Undecodable:
            continue
        if isinstance(event.data, RuleDecided) and event.data.event_id == event_id:
            yield Recorded(message.stored_at, event.data)


def _evaluated(policy: CheckedPolicy, part: Part, occasion: Occasion, depth: int) -> Iterator[Evaluated]:
    expression: Expression | None
    try:
        expression = vocabulary_of(policy.document.effect).compile(part.text)
    except BadExpression:
        return
    yield Evaluated(depth, part.text, part.joined, _value(expression, occasion))
    for below in part.parts:
        yield from _evaluated(policy, below, occasion, depth + 1)


def _value(expression: Expression, occasion: Occasion) -> bool | str:
    try:
        value = expression.evaluate(occasion.values(expression.reads))
    except Unclear as error:
        return error.fault
    return value if isinstance(value, bool) else "not_bool"


def _inputs(policy: CheckedPolicy, occasion: Occasion, show_data: bool) -> dict[str, str | None]:
    effect = policy.document.effect
    values: dict[str, JsonValue] = {name: occasion[name] for name in policy.condition.reads}
    shown = inputs_of(policy.condition, values)
    for path, value in shown.items():
        if value is not None and not show_data and not is_open(tuple(path.split(".")), effect, policy.trigger):
            shown[path] = HIDDEN
    return shown


def _command(policy: CheckedPolicy, judgement: Judgement, show_data: bool) -> dict[str, Any] | None:
    if judgement.command is None or policy.command is None:
        return None
    document = orjson.loads(judgement.command.body)
    data = {name: value for name, value in document["data"].items() if name != "context"}
    if not show_data:
        hidden = _hidden_members(policy, policy.command)
        data = {name: HIDDEN if name in hidden else value for name, value in data.items()}
    told = {"id": document["id"], "type": document["type"], "subject": document["subject"], "data": data}
    if "expectedversion" in document:
        told["expectedversion"] = document["expectedversion"]
    return told


def _hidden_members(policy: CheckedPolicy, command: CompiledCommand) -> set[str]:
    """Members of the payload that are made of what may not be shown."""
    effect, trigger = policy.document.effect, policy.trigger
    return {
        name
        for name, part in command.data.items()
        if not all(reads_open(expression, effect, trigger) for expression in expressions_of(part))
    }


def _same_inputs(policy: CheckedPolicy, occasion: Occasion, recorded: list[Recorded]) -> bool | None:
    digests = {one.data.inputs for one in recorded if one.data.version == policy.version and one.data.inputs}
    return inputs_digest(policy, occasion) in digests if digests else None
