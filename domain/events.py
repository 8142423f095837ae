"""Events of a person: the complete, immutable record, and the one place where its bytes are made and read."""

from typing import Any, Final

import orjson
from pydantic import ConfigDict, Field, JsonValue, SerializeAsAny, ValidationError

from domain.canonical import encode
from domain.envelope import (
    CONTENT_TYPE,
    EVENT_SOURCE,
    LEGACY_ACTOR,
    SPEC_VERSION,
    Depth,
    Ordinal,
    correlation_fault,
)
from domain.event_catalogue import SPEC_OF, current_spec
from domain.event_data.base import EventData, EventSpec
from domain.fields import broken_rule
from domain.ids import Uuid
from domain.model import STORED, Frozen
from domain.subjects import parse_event_subject
from domain.times import Instant
from domain.undecodable import Undecodable


class Event(Frozen):
    """Something that happened to a person, with everything its envelope says."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: Uuid
    type: str
    dataversion: Ordinal
    person_id: Uuid = Field(alias="subject")
    sequence: Ordinal
    time: Instant
    correlationid: Uuid
    causationid: Uuid
    causationdepth: Depth
    actor: str
    traceparent: str | None = None
    data: SerializeAsAny[EventData]
    context: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def spec(self) -> EventSpec:
        """Its entry in the catalogue."""
        return SPEC_OF[type(self.data)]


def write_event(event: Event) -> bytes:
    """The bytes of an event: made once, by the writer, and never again."""
    data: dict[str, object] = dict(event.data)
    if event.context:
        data["context"] = event.context
    return encode(
        {
            "specversion": SPEC_VERSION,
            "id": event.id,
            "type": event.type,
            "dataversion": event.dataversion,
            "source": EVENT_SOURCE,
            "subject": event.person_id,
            "time": event.time,
            "datacontenttype": CONTENT_TYPE,
            "sequence": event.sequence,
            "correlationid": event.correlationid,
            "causationid": event.causationid,
            "causationdepth": event.causationdepth,
            "actor": event.actor,
            "traceparent": event.traceparent,
            "data": data,
        }
    )


def read_event(raw: bytes, *, subject: str | None = None) -> Event:
    """The event in stored bytes, and under the subject it was stored with. Raises Undecodable."""
    document = _document(raw)
    spec = current_spec(document.get("type"), document.get("dataversion", 1))
    payload = document.get("data")
    if not isinstance(payload, dict):
        raise Undecodable("undecodable", "data: object")
    document["context"] = payload.pop("context", {})
    try:
        document["data"] = spec.model.restore(payload)
    except ValidationError as error:
        raise Undecodable("undecodable", ": ".join(broken_rule(error, "data"))) from None
    try:
        event: Event = _READ(document, context=STORED, extra="ignore")
    except ValidationError as error:
        raise Undecodable("undecodable", ": ".join(broken_rule(error))) from None
    fault = correlation_fault(event.id, event.correlationid, event.causationid, event.causationdepth)
    if fault:
        raise Undecodable("undecodable", f"{fault}: correlation")
    if subject is not None:
        _check_subject(event, subject)
    return event


_READ: Final = Event.__pydantic_validator__.validate_python


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Undecodable("undecodable", "not JSON") from None
    if not isinstance(document, dict):
        raise Undecodable("undecodable", "not an object")
    # What events written before these attributes existed mean by leaving them out.
    document.setdefault("dataversion", 1)
    document.setdefault("actor", LEGACY_ACTOR)
    document.setdefault("causationid", document.get("id"))
    document.setdefault("correlationid", document.get("id"))
    document.setdefault("causationdepth", 0)
    return document


def _check_subject(event: Event, subject: str) -> None:
    try:
        parts = parse_event_subject(subject)
    except ValueError:
        raise Undecodable("subject_mismatch", "not the subject of an event") from None
    if (parts.context, parts.name) != (event.spec.context, event.spec.name):
        raise Undecodable("subject_mismatch", "type")
    if parts.person_id is not None and parts.person_id != event.person_id:
        raise Undecodable("subject_mismatch", "person")
