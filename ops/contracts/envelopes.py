"""Schemas of complete messages: a payload in the CloudEvents envelope that the code reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from domain.command_address import CREATE
from domain.command_data.base import CommandSpec
from domain.commands import Command
from domain.envelope import (
    CONTENT_TYPE,
    CONTEXT_KEY_PATTERN,
    EVENT_SOURCE,
    MAX_DEPTH,
    SPEC_VERSION,
)
from domain.event_catalogue import EVENTS
from domain.event_data.base import EventSpec
from domain.events import Event
from domain.subjects import EVENT_SUBJECTS
from ops.contracts.json_schema import Schema, document, embedded, entering, written

PASSED_OVER = ("tracestate", "partitionkey")
"""Attributes of a command that are accepted and not looked at."""

LOOKED_UP = tuple(name for name, field in Command.model_fields.items() if field.exclude)
"""What the handler adds to a command. A client that sends it is refused."""


def command_schema(spec: CommandSpec) -> Schema:
    """The complete message of a command. It is closed: an attribute or a field that it does not name is refused."""
    defs: dict[str, Schema] = {}
    attributes = {name: part for name, part in _command_attributes().items() if name not in LOOKED_UP}
    attributes["type"] = {"const": spec.type}
    attributes["dataversion"] = {"const": 1}
    attributes["causationdepth"] = {**attributes["causationdepth"], "maximum": MAX_DEPTH}
    if spec.kinds:
        attributes["actor"] = {**attributes["actor"], "pattern": f"^(?:{'|'.join(sorted(spec.kinds))}):"}
    for name in PASSED_OVER:
        attributes[name] = {"type": "string", "maxLength": 512}
    required = ["specversion", "id", "type", "source", "actor", "data"]
    if spec.type != CREATE:
        required.insert(4, "subject")
    data = embedded(entering(spec.model), defs)
    for name, part in data.get("properties", {}).items():
        if name in _personal_fields():
            part.setdefault("x-personal", _personal_fields()[name])
    body = enveloped(attributes, data, required, defs)
    return document(spec.name, _text(spec.model), {**body, "additionalProperties": False}, **{"x-type": spec.type})


def event_schema(spec: EventSpec) -> Schema:
    """The complete message of an event, as it is written today. It is open: later releases may add optional fields."""
    defs: dict[str, Schema] = {}
    attributes = dict(_event_attributes())
    attributes["type"] = {"const": spec.type}
    attributes["dataversion"] = {"const": spec.version}
    attributes["source"] = {"const": EVENT_SOURCE}
    optional = {"traceparent", "context"}
    required = ["specversion", "source", "datacontenttype", *(name for name in attributes if name not in optional)]
    body = enveloped(attributes, embedded(written(spec.model), defs), list(dict.fromkeys(required)), defs)
    marks = {
        "x-type": spec.type,
        "x-dataversion": spec.version,
        "x-subject": f"{EVENT_SUBJECTS}.{spec.context}.{spec.name}",
    }
    return document(spec.model.__name__, _text(spec.model), body, **marks)


def enveloped(attributes: dict[str, Any], data: Schema, required: list[str], defs: dict[str, Schema]) -> Schema:
    """The schema of a message with these attributes around its data."""
    del attributes["context"]
    data["properties"] = {**data.get("properties", {}), "context": _CONTEXT}
    fields = {
        "specversion": {"const": SPEC_VERSION},
        **attributes,
        "datacontenttype": {"const": CONTENT_TYPE},
        "data": data,
    }
    schema: Schema = {"type": "object", "properties": fields, "required": required}
    return {**schema, "$defs": dict(sorted(defs.items()))} if defs else schema


@cache
def _personal_fields() -> Mapping[str, str]:
    """Names of fields of events that are personal data, with their groups: a command that has such a field gives it to the event."""
    return {
        name: part["x-personal"]
        for spec in EVENTS.values()
        for name, part in written(spec.model).get("properties", {}).items()
        if "x-personal" in part
    }


@cache
def _command_attributes() -> Schema:
    return dict(entering(Command)["properties"])


@cache
def _event_attributes() -> Schema:
    return dict(written(Event)["properties"])


_CONTEXT: Schema = {
    "description": "Free context that the events of a command inherit: at most 4 KiB, no personal data.",
    "type": "object",
    "propertyNames": {"pattern": CONTEXT_KEY_PATTERN},
}


def _text(model: type) -> str:
    return " ".join((model.__doc__ or "").split())
