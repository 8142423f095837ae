"""The stored form that events of persons, sagas and rules share: the envelope around their data, and the way back from bytes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

import orjson
from pydantic import ValidationError

from domain.canonical import encode_stored
from domain.envelope import CONTENT_TYPE, SPEC_VERSION, correlation_fault
from domain.fields import broken_rule
from domain.model import STORED, Frozen
from domain.undecodable import Undecodable

F = TypeVar("F", bound=Frozen)
E = TypeVar("E", bound="Correlated")


class Correlated(Protocol):
    """A message that has a place in a chain of causes."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def correlationid(self) -> str:
        """The id of the root of the chain."""

    @property
    def causationid(self) -> str:
        """The id of what caused it; its own for a root."""

    @property
    def causationdepth(self) -> int:
        """How many causes lie between it and the root."""


class Enveloped(Correlated, Protocol):
    """What the envelope of every event says."""

    @property
    def type(self) -> str:
        """Its type."""

    @property
    def sequence(self) -> int | None:
        """Its number among the events of its subject."""

    @property
    def time(self) -> datetime:
        """When it happened."""

    @property
    def actor(self) -> str:
        """Who asked for it."""

    @property
    def traceparent(self) -> str | None:
        """Its trace context."""


def write_stored(
    event: Enveloped, *, source: str, subject: str, dataversion: int, data: object, **more: object
) -> bytes:
    """The canonical bytes of an event. `more` are the attributes that only its kind has."""
    return encode_stored(
        {
            "specversion": SPEC_VERSION,
            "id": event.id,
            "type": event.type,
            "dataversion": dataversion,
            "source": source,
            "subject": subject,
            "time": event.time,
            "datacontenttype": CONTENT_TYPE,
            "sequence": event.sequence,
            "correlationid": event.correlationid,
            "causationid": event.causationid,
            "causationdepth": event.causationdepth,
            "actor": event.actor,
            "traceparent": event.traceparent,
            **more,
            "data": data,
        }
    )


def stored_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in stored bytes. Raises Undecodable."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Undecodable("undecodable", "not JSON") from None
    if not isinstance(document, dict):
        raise Undecodable("undecodable", "not an object")
    return document


def stored_payload(document: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a document as it was stored. Raises Undecodable."""
    payload = document.get("data")
    if not isinstance(payload, dict):
        raise Undecodable("undecodable", "data: object")
    return payload


def restored(model: type[F], payload: Mapping[str, Any]) -> F:
    """Stored data in its shape. Raises Undecodable that names the field and the rule."""
    try:
        return model.restore(payload)
    except ValidationError as error:
        raise Undecodable("undecodable", ": ".join(broken_rule(error, "data"))) from None


def complete(model: type[E], document: Mapping[str, Any]) -> E:
    """The event of a document whose data has its shape already. Raises Undecodable that names the attribute and the rule."""
    validator: Any = model.__pydantic_validator__  # type: ignore[attr-defined]  # every event is a pydantic model
    try:
        event: E = validator.validate_python(document, context=STORED, extra="ignore")
    except ValidationError as error:
        raise Undecodable("undecodable", ": ".join(broken_rule(error))) from None
    fault = correlation_fault(event.id, event.correlationid, event.causationid, event.causationdepth)
    if fault:
        raise Undecodable("undecodable", f"{fault}: correlation")
    return event
