"""What events do to a person. `evolve` is total: it never validates, and an event out of place changes nothing.

`apply` is the only way a stored event enters a state: in order, each once.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from pydantic import JsonValue

from domain.components.base import ComponentData
from domain.components.catalogue import RawData, members, stored_data
from domain.components.instance import Component
from domain.envelope import actor_kind
from domain.event_data import (
    BirthDateSet,
    ComponentAdded,
    ComponentPrimaryChanged,
    ComponentRemoved,
    ComponentUpdated,
    DeathRecorded,
    EventData,
    NameUpdated,
    OnboardingStarted,
    PersonActivated,
    PersonArchived,
    PersonCreated,
    PersonMerged,
    PersonSuspended,
)
from domain.events import Event
from domain.onboarding import Onboarding
from domain.person import RECENT_COMMANDS, Person, RecentCommand
from domain.personal import Redacted
from domain.status import Status

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
        "recent": _remember(person.recent, event),
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
    effect = _EFFECTS.get(type(data))
    return person if effect is None else effect(person, data, event)


def is_activity(event: Event) -> bool:
    """Whether the event shows that somebody cares about the person, or the person about us."""
    return event.type in ACTIVE_TYPES or actor_kind(event.actor) in ACTIVE_KINDS


D = TypeVar("D", bound=EventData)
_EFFECTS: Final[dict[type[EventData], Callable[[Person, Any, Event], Person]]] = {}


def _on(
    model: type[D],
) -> Callable[[Callable[[Person, D, Event], Person]], Callable[[Person, D, Event], Person]]:
    def register(effect: Callable[[Person, D, Event], Person]) -> Callable[[Person, D, Event], Person]:
        _EFFECTS[model] = effect
        return effect

    return register


def _with(person: Person, **changes: object) -> Person:
    return person.model_copy(update=changes)


def _remember(recent: tuple[RecentCommand, ...], event: Event) -> tuple[RecentCommand, ...]:
    if recent:
        command_id, first, count = recent[-1]
        if command_id == event.causationid and first + count == event.sequence:
            return (*recent[:-1], (command_id, first, count + 1))
    return (*recent[1 - RECENT_COMMANDS :], (event.causationid, event.sequence, 1))


@_on(PersonCreated)
def _created(person: Person, data: PersonCreated, event: Event) -> Person:
    return _with(
        person,
        created_at=event.time,
        name=data.name,
        source=data.source,
        source_system=data.source_system,
        import_id=data.import_id,
        status=Status.DRAFT if data.onboarding else Status.ACTIVE,
    )


def _move(person: Person, sources: frozenset[Status], target: Status, **changes: object) -> Person:
    return _with(person, status=target, **changes) if person.status in sources else person


_STARTING: Final = frozenset({Status.DRAFT, Status.SUSPENDED})
_LIVE: Final = frozenset({Status.ACTIVE, Status.SUSPENDED})
_OPEN: Final = _LIVE | _STARTING
_ACTIVE: Final = frozenset({Status.ACTIVE})


@_on(PersonActivated)
def _activated(person: Person, _: PersonActivated, __: Event) -> Person:
    return _move(person, _STARTING, Status.ACTIVE)


@_on(PersonSuspended)
def _suspended(person: Person, _: PersonSuspended, __: Event) -> Person:
    return _move(person, _ACTIVE, Status.SUSPENDED)


@_on(PersonArchived)
def _archived(person: Person, _: PersonArchived, __: Event) -> Person:
    return _move(person, _OPEN, Status.ARCHIVED)


@_on(DeathRecorded)
def _died(person: Person, data: DeathRecorded, _: Event) -> Person:
    return _move(person, _LIVE, Status.DECEASED, date_of_death=data.date_of_death)


@_on(PersonMerged)
def _merged(person: Person, data: PersonMerged, _: Event) -> Person:
    return _move(person, _ACTIVE, Status.MERGED_INTO, merged_into=data.target_person_id)


@_on(NameUpdated)
def _renamed(person: Person, data: NameUpdated, _: Event) -> Person:
    return _with(person, name=data.new_name)


@_on(BirthDateSet)
def _born(person: Person, data: BirthDateSet, _: Event) -> Person:
    return person if person.birth_date is not None else _with(person, birth_date=data.birth_date)


@_on(OnboardingStarted)
def _onboarding(person: Person, data: OnboardingStarted, _: Event) -> Person:
    run = Onboarding.model_construct(
        onboarding_id=data.onboarding_id, run=data.run, state="WaitingForIdentityVerification"
    )
    return _with(person, onboarding=run)


@_on(ComponentAdded)
def _component_added(person: Person, data: ComponentAdded, event: Event) -> Person:
    if data.component_id in person.components or data.component_id in person.retired_components:
        return person
    held = person.components
    if data.is_primary:
        held = _without_primary(held, data.component_type)
    added = Component.model_construct(
        component_id=data.component_id,
        component_type=data.component_type,
        data=data.component_data,
        is_primary=data.is_primary,
        is_verified=data.is_verified,
        tags=() if isinstance(data.tags, Redacted) else data.tags,
        custom_fields={} if isinstance(data.custom_fields, Redacted) else data.custom_fields,
        created_at=event.time,
        created_by=event.actor,
        updated_at=event.time,
        updated_by=event.actor,
        provenance=data.provenance,
    )
    return _with(person, components={**held, data.component_id: added})


@_on(ComponentUpdated)
def _component_updated(person: Person, data: ComponentUpdated, event: Event) -> Person:
    held = person.components.get(data.component_id)
    if held is None:
        return person
    changes: dict[str, object] = {
        "data": _patched(held, data.changes),
        "updated_at": event.time,
        "updated_by": event.actor,
    }
    if data.verification_reset:
        changes["is_verified"] = False
    return _replace(person, held, changes)


@_on(ComponentRemoved)
def _component_removed(person: Person, data: ComponentRemoved, _: Event) -> Person:
    gone = [
        held.component_id
        for held in person.components.values()
        if (data.component_id is None and held.component_type == data.component_type)
        or held.component_id == data.component_id
    ]
    if not gone:
        return person
    return _with(
        person,
        components={key: held for key, held in person.components.items() if key not in gone},
        retired_components=person.retired_components.union(gone),
    )


@_on(ComponentPrimaryChanged)
def _primary_changed(person: Person, data: ComponentPrimaryChanged, event: Event) -> Person:
    held = person.components.get(data.component_id)
    if held is None or held.component_type != data.component_type or held.is_primary:
        return person
    cleared = _with(person, components=_without_primary(person.components, data.component_type))
    return _replace(cleared, held, {"is_primary": True, "updated_at": event.time, "updated_by": event.actor})


def _replace(person: Person, held: Component, changes: dict[str, object]) -> Person:
    changed = held.model_copy(update=changes)
    return _with(person, components={**person.components, held.component_id: changed})


def _without_primary(held: dict[str, Component], component_type: str) -> dict[str, Component]:
    return {
        key: component.model_copy(update={"is_primary": False})
        if component.is_primary and component.component_type == component_type
        else component
        for key, component in held.items()
    }


def _patched(held: Component, changes: dict[str, JsonValue] | Redacted) -> ComponentData | RawData | Redacted:
    if isinstance(changes, Redacted):
        return changes
    merged = {**members(held.data), **changes}
    patched = {name: value for name, value in merged.items() if value is not None}
    restored = stored_data(held.component_type, patched)
    if isinstance(held.data, Redacted) and not isinstance(restored, ComponentData):
        return held.data
    return restored
