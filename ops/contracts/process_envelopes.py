"""Schemas of complete messages of sagas and rules: the commands on them, their events, and timers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from domain.command_address import START_SAGA
from domain.command_data.base import CommandSpec
from domain.envelope import MAX_DEPTH
from domain.ids import POLICY_ID_PATTERN, UUID_PATTERN
from domain.policies.document import PolicyDocument
from domain.policies.evaluation import SOURCE as RULE_SOURCE
from domain.policies.rule_event_data import RULE_EVENTS, RuleEventName
from domain.policies.rule_events import RULE_SUBJECTS, RuleEvent
from domain.process_commands import RULE_COMMANDS, ProcessCommand
from domain.sagas.event_data import SagaEventSpec
from domain.sagas.saga_events import SAGA_SOURCE, SAGA_SUBJECTS, SagaEvent
from domain.sagas.timers import TimerBody
from ops.contracts.envelopes import PASSED_OVER, enveloped
from ops.contracts.json_schema import Schema, document, embedded, entering, written

_UUID: Schema = {"type": "string", "pattern": UUID_PATTERN}


def process_command_schema(spec: CommandSpec) -> Schema:
    """The complete message of a command on a saga or a policy. It is closed, like commands on persons."""
    defs: dict[str, Schema] = {}
    attributes = dict(_attributes_of_commands())
    attributes["type"] = {"const": spec.type}
    attributes["dataversion"] = {"const": 1}
    attributes["causationdepth"] = {**attributes["causationdepth"], "maximum": MAX_DEPTH}
    required = ["specversion", "id", "type", "source", "subject", "actor", "data"]
    for name in PASSED_OVER:
        attributes[name] = {"type": "string", "maxLength": 512}
    attributes["subject"] = {**_UUID, "description": "Id of the saga."}
    if spec.type in RULE_COMMANDS:
        attributes["subject"] = {"type": "string", "pattern": POLICY_ID_PATTERN, "description": "Name of the policy."}
    else:
        del attributes["expectedversion"]
    if spec.type == START_SAGA:
        attributes["subject"] = {**_UUID, "description": "Id of the person."}
    elif spec.type not in RULE_COMMANDS:
        attributes["partitionkey"] = {**_UUID, "description": "Id of the person of the saga."}
        required.append("partitionkey")
    data = embedded(entering(spec.model), defs)
    if "document" in data["properties"]:
        data["properties"]["document"] = embedded(entering(PolicyDocument), defs)
    body = enveloped(attributes, data, required, defs)
    return document(spec.name, _text(spec.model), {**body, "additionalProperties": False}, **{"x-type": spec.type})


def saga_event_schema(spec: SagaEventSpec) -> Schema:
    """The complete message of a saga event, as it is written today. It is open: later releases may add optional fields."""
    attributes = dict(_attributes_of_saga_events())
    attributes["dataversion"] = {"const": spec.version}
    marks = {"x-type": spec.type, "x-dataversion": spec.version, "x-subject": f"{SAGA_SUBJECTS}.<saga>.{spec.name}"}
    optional = {"traceparent", "context"}
    return _event(spec.model, spec.type, SAGA_SOURCE, attributes, optional, marks)


def rule_event_schema(name: RuleEventName) -> Schema:
    """The complete message of a rule event, as it is written today, open like that of a saga."""
    attributes = {one: part for one, part in _attributes_of_rule_events().items() if one != "name"}
    attributes = {"id": attributes.pop("id"), "type": {}, "dataversion": {"const": 1}, **attributes}
    event_type = f"person.rule.{name}"
    if name == "decided":
        del attributes["sequence"]
    marks = {"x-type": event_type, "x-dataversion": 1, "x-subject": f"{RULE_SUBJECTS}.{name}"}
    return _event(RULE_EVENTS[name], event_type, RULE_SOURCE, attributes, {"traceparent"}, marks)


def timer_schema() -> Schema:
    """A timer that has become due. Open: whoever gets it passes over what it does not know."""
    properties: Schema = {"saga_id": _UUID, "person_id": _UUID, "step": {"type": "string"}}
    properties |= {name: {"type": "integer", "minimum": 1} for name in ("round", "attempt", "sequence")}
    assert list(properties) == list(TimerBody._fields)
    body = {"type": "object", "properties": properties, "required": list(properties)}
    return document("Timer", "A timer of a saga that has become due: which try of which step it is for.", body)


def _event(
    model: type, event_type: str, source: str, attributes: dict[str, Any], optional: set[str], marks: Mapping[str, Any]
) -> Schema:
    defs: dict[str, Schema] = {}
    attributes["type"] = {"const": event_type}
    attributes["source"] = {"const": source}
    attributes.setdefault("context", {})
    required = ["specversion", "source", "datacontenttype", *(name for name in attributes if name not in optional)]
    required = [name for name in dict.fromkeys(required) if name != "context"]
    body = enveloped(attributes, embedded(written(model), defs), required, defs)
    return document(model.__name__, _text(model), body, **marks)


@cache
def _attributes_of_commands() -> Schema:
    return dict(entering(ProcessCommand)["properties"])


@cache
def _attributes_of_saga_events() -> Schema:
    return dict(written(SagaEvent)["properties"])


@cache
def _attributes_of_rule_events() -> Schema:
    return dict(written(RuleEvent)["properties"])


def _text(model: type) -> str:
    return " ".join((model.__doc__ or "").split())
