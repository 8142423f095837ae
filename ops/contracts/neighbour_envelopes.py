"""Schemas of complete messages between this domain and its neighbours: what they say, as far as it is read, and what they are asked."""

from __future__ import annotations

from typing import Any

from domain.envelope import CONTENT_TYPE, SPEC_VERSION, TRACEPARENT_PATTERN
from domain.foreign import ForeignData
from domain.ids import UUID_PATTERN
from domain.translate.catalogue import INBOUND
from domain.translate.outbound import OUTBOUND, OutboundSpec
from domain.translate.signals import SIGNALS, ForSaga
from ops.contracts import paths
from ops.contracts.json_schema import Schema, document, embedded, entering, sub_schemas, written

_UUID: Schema = {"type": "string", "pattern": UUID_PATTERN}
_ANY_UUID: Schema = {"type": "string", "pattern": UUID_PATTERN.replace("a-f", "a-fA-F")}
_TIME: Schema = {"type": "string", "format": "date-time"}


def neighbour_documents() -> dict[str, Schema]:
    """Path below ``schemas`` to the document."""
    made = {
        paths.foreign_event(spec.type): _event(spec.type, spec.model, ["person_id"] if spec.whom == "named" else [])
        for spec in INBOUND.values()
    }
    made |= {
        paths.foreign_event(answer): _event(answer, ForSaga, ["saga_id", "person_id"]) for answer in sorted(SIGNALS)
    }
    return made | {paths.foreign_command(spec): _command(spec) for spec in OUTBOUND.values()}


def _event(event_type: str, model: type[ForeignData], needed: list[str]) -> Schema:
    """What this domain needs of an event; whatever else it holds is passed over."""
    data = entering(model)
    if needed:
        data["required"] = [*needed, *data.get("required", ())]
    attributes: dict[str, Any] = {
        "id": {**_ANY_UUID, "description": "Repeated with the event when it is sent again."},
        "type": {"const": event_type},
        "time": {**_TIME, "description": "When it happened; left out, when it was stored."},
        "correlationid": {**_ANY_UUID, "description": "Left out, the event is a root."},
        "causationid": _ANY_UUID,
        "causationdepth": {"type": "integer", "minimum": 0},
        "traceparent": {"type": "string", "pattern": TRACEPARENT_PATTERN},
    }
    made = _message(event_type, model, data, attributes, ["id", "type", "data"], {"x-read-by": "person"})
    for part in [*sub_schemas(made), *(part for one in made.get("$defs", {}).values() for part in sub_schemas(one))]:
        if "properties" in part:
            # Said outright: a neighbour's events hold more than is read of them.
            part["additionalProperties"] = True
    return made


def _command(spec: OutboundSpec) -> Schema:
    """A command as it is written today. It is open: later releases may add optional fields."""
    attributes: dict[str, Any] = {
        "specversion": {"const": SPEC_VERSION},
        "id": {**_UUID, "description": "The same when the command is sent again."},
        "type": {"const": spec.type},
        "dataversion": {"const": 1},
        "source": {"type": "string"},
        "subject": {**_UUID, "description": "Id of the person."},
        "time": _TIME,
        "datacontenttype": {"const": CONTENT_TYPE},
        "correlationid": {**_UUID, "description": "The answer repeats it."},
        "causationid": _UUID,
        "causationdepth": {"type": "integer", "minimum": 1},
        "actor": {"type": "string"},
        "traceparent": {"type": "string", "pattern": TRACEPARENT_PATTERN},
    }
    required = [name for name in attributes if name != "traceparent"]
    return _message(spec.type, spec.model, written(spec.model), attributes, [*required, "data"], {})


def _message(
    message_type: str,
    model: type,
    data: Schema,
    attributes: dict[str, Any],
    required: list[str],
    marks: dict[str, Any],
) -> Schema:
    defs: dict[str, Schema] = {}
    properties = {**attributes, "data": embedded(data, defs)}
    body: Schema = {"type": "object", "properties": properties, "required": required}
    if defs:
        body["$defs"] = dict(sorted(defs.items()))
    text = " ".join((model.__doc__ or "").split())
    return document(message_type, text, body, **{"x-type": message_type, **marks})
