"""The timeline of a person: one entry per event, in the order of its sequence (domain.md 16.6).

Once the person is erased, entries keep who did what and when, and lose their details.
"""

from functools import cache
from typing import Any, Final

import orjson
from pydantic import BaseModel, JsonValue

from domain.canonical import plain_members
from domain.event_catalogue import EVENTS
from domain.events import Event
from domain.times import format_instant
from domain.views.changed_by import ChangedBy, every

Entry = dict[str, JsonValue]


def timeline_entry(event: Event, part: int = 0, *, erased: bool = False) -> Entry:
    """Entry of an event. `part` counts the events that one stored event of an old version became."""
    entry = {**_heading(event, part), "at": format_instant(event.time)}
    return entry if erased else {**entry, "details": plain_members(event.data)}


def encode_entry(event: Event, part: int, position: dict[str, int], *, erased: bool = False) -> bytes:
    """The bytes of the same entry with a position, made from a stored event without taking its data apart."""
    entry = _heading(event, part)
    entry["at"] = event.time
    entry["position"] = position
    if not erased:
        entry["details"] = event.data
    return orjson.dumps(entry, default=_members, option=orjson.OPT_UTC_Z)


def without_details(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as it is once the person is erased."""
    return {name: value for name, value in entry.items() if name != "details"}


def _heading(event: Event, part: int) -> dict[str, Any]:
    category, title = _HEADINGS[type(event.data)]
    return {
        "person_id": event.person_id,
        "sequence": event.sequence,
        "part": part,
        "type": event.type,
        "category": category,
        "title": title,
        "actor": event.actor,
        "correlation_id": event.correlationid,
    }


_HEADINGS: Final = {spec.model: (spec.context, spec.title) for spec in EVENTS.values()}
"""Category and title of each kind of entry."""


def _members(value: object) -> object:
    if isinstance(value, BaseModel):
        names = _names(type(value))
        return {name: member for field, name in names if (member := value.__dict__[field]) is not None}
    raise TypeError(f"{type(value).__name__} is no part of an event")


@cache
def _names(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """Fields of a model and what they are called in JSON."""
    return tuple((field, info.alias or field) for field, info in model.model_fields.items())


CHANGED_BY: Final[ChangedBy] = every(*(spec.model for spec in EVENTS.values()))
