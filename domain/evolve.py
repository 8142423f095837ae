"""What events do to a person. `evolve` is total: it never validates, and an event out of place changes nothing.

`apply` is the only way a stored event enters a state: in order, each once.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any, Final

from domain.envelope import actor_kind
from domain.event_data.base import EventData
from domain.event_data.lifecycle import PersonCreated
from domain.events import Became, Event
from domain.evolution import component, identity, lifecycle, onboarding, policy, privacy, relationship
from domain.evolution.base import Effect
from domain.person import Person

EFFECTS: Final[Mapping[type[EventData], Effect]] = {
    model: effect
    for family in (lifecycle, identity, component, relationship, onboarding, policy, privacy)
    for model, effect in family.EFFECTS.items()
}

ACTIVE_KINDS: Final = frozenset({"user", "api", "hr", "idp", "unknown"})
ACTIVE_TYPES: Final = frozenset({"person.created", "person.activity_recorded"})


class SequenceGap(Exception):  # noqa: N818 - named as what happened
    """Events are missing between the state and this event; the reader fetches them, it never skips."""

    def __init__(self, person_id: str, have: int, got: int) -> None:
        super().__init__(f"{person_id}: have {have}, got {got}")
        self.person_id = person_id
        self.have = have
        self.got = got


def apply(person: Person, event: Event) -> Person:
    """The state after a stored event. One that was applied before changes nothing."""
    if event.sequence <= person.version:
        return person
    if event.sequence > person.version + 1:
        raise SequenceGap(person.person_id, person.version, event.sequence)
    evolved = evolve(person, event)
    changes: dict[str, Any] = {
        "version": event.sequence,
        "updated_at": event.time,
        "recent": person.recent.behind(event.causationid, event.sequence),
    }
    if not evolved.is_erased and is_activity(event):
        last = person.last_activity_at
        changes["last_activity_at"] = event.time if last is None else max(last, event.time)
        changes["inactivity_reported"] = 0
    return evolved.model_copy(update=changes)


def evolve(person: Person, event: Event) -> Person:
    """The content of the state after an event; the same object when the event is out of place."""
    data = event.data
    if person.is_erased or person.exists == isinstance(data, PersonCreated):
        return person
    effect = EFFECTS.get(type(data))
    if effect is not None:
        return effect(person, data, event)
    return reduce(evolve, data.parts, person) if isinstance(data, Became) else person


def is_activity(event: Event) -> bool:
    """Whether the event shows that somebody cares about the person, or the person about us."""
    return event.type in ACTIVE_TYPES or actor_kind(event.actor) in ACTIVE_KINDS
