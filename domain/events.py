"""Events of a person: the complete, immutable record, and the one place where its bytes are made and read."""

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field, JsonValue, SerializeAsAny

from domain.envelope import EVENT_SOURCE, LEGACY_ACTOR, Depth, Ordinal
from domain.event_catalogue import EVENTS, SPEC_OF
from domain.event_data.base import EventData, EventDataType, EventSpec
from domain.ids import Uuid
from domain.model import Frozen
from domain.stored_form import complete, restored, stored_object, stored_payload, write_stored
from domain.subjects import EVENT_SUBJECTS, parse_event_subject
from domain.times import Instant
from domain.undecodable import Undecodable
from domain.upcasting.documents import upcast_document
from domain.upcasting.upcast import current_types


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

    @property
    def parts(self) -> tuple["Event", ...]:
        """What the stored event says: itself, or what `Became` of one of an old version."""
        return self.data.parts if type(self.data) is Became else (self,)


class Became(EventData):
    """Stands for the data of an old event that is not one event any more: nothing, or several that share its sequence."""

    parts: tuple[Event, ...]


def write_event(event: Event) -> bytes:
    """The bytes of an event: made once, by the writer, and never again. It may repeat what an older event said."""
    data: dict[str, object] = dict(event.data)
    if event.context:
        data["context"] = event.context
    return write_stored(event, source=EVENT_SOURCE, subject=event.person_id, dataversion=event.dataversion, data=data)


def read_event(raw: bytes, *, subject: str | None = None) -> Event:
    """The event in stored bytes, and under the subject it was stored with. Raises Undecodable.

    An event of an old version reads as the current one that it became; as `Became` when that is none or several.
    """
    document = read_document(raw)
    event_type, version = document.get("type"), document["dataversion"]
    spec = EVENTS.get(event_type) if isinstance(event_type, str) else None
    if spec is not None and type(version) is int and version == spec.version:
        event, specs = _read(document, spec.model), [spec]
    else:
        event = _read_old(document)
        specs = [EVENTS[name] for name in current_types(str(event_type), version)]
    if subject is not None:
        _check_subject(event, subject, specs)
    return event


def read_document(raw: bytes) -> dict[str, Any]:
    """The envelope in stored bytes, with what events written before an attribute existed mean by leaving it out."""
    document = stored_object(raw)
    document.setdefault("dataversion", 1)
    document.setdefault("actor", LEGACY_ACTOR)
    document.setdefault("causationid", document.get("id"))
    document.setdefault("correlationid", document.get("id"))
    document.setdefault("causationdepth", 0)
    return document


def _read(document: dict[str, Any], model: EventDataType) -> Event:
    payload = stored_payload(document)
    document["context"] = payload.pop("context", {})
    document["data"] = restored(model, payload)
    return complete(Event, document)


def _read_old(document: dict[str, Any]) -> Event:
    time, documents = upcast_document(document)
    parts = tuple(_read(part, EVENTS[part["type"]].model) for part in documents)
    if len(parts) == 1:
        return parts[0]
    return complete(Event, {**document, "time": time, "data": Became.model_construct(parts=parts)})


def _is_stored_under(event: Event, subject: str, spec: EventSpec) -> bool:
    """Whether a subject is the one under which the stream keeps this event; the common case, told without taking it apart."""
    before, after = f"{EVENT_SUBJECTS}.{spec.context}.{spec.name}.", f".{event.person_id}"
    partition = subject[len(before) : -len(after)]
    return subject == f"{before}{partition}{after}" and partition.isdecimal() and partition == str(int(partition))


def _check_subject(event: Event, subject: str, specs: Sequence[EventSpec]) -> None:
    for spec in specs:
        if _is_stored_under(event, subject, spec):
            return
    try:
        parts = parse_event_subject(subject)
    except ValueError:
        raise Undecodable("subject_mismatch", "not the subject of an event") from None
    if not any(parts.name == spec.name and parts.context == spec.context for spec in specs):
        raise Undecodable("subject_mismatch", "type")
    if parts.person_id is not None and parts.person_id != event.person_id:
        raise Undecodable("subject_mismatch", "person")
