"""The timeline of a person: one entry per event, in the order of its sequence."""

from pydantic import JsonValue

from domain.canonical import plain_members
from domain.events import Event
from domain.times import format_instant


def timeline_entry(event: Event, part: int = 0) -> dict[str, JsonValue]:
    """Entry of an event. `part` counts the events that one stored event of an old version became."""
    return {
        "person_id": event.person_id,
        "sequence": event.sequence,
        "part": part,
        "at": format_instant(event.time),
        "type": event.type,
        "category": event.spec.context,
        "title": event.spec.title,
        "actor": event.actor,
        "correlation_id": event.correlationid,
        "details": plain_members(event.data),
    }
