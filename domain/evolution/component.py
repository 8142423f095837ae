"""Effects of the events of the components of a person."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import JsonValue, ValidationError

from domain.canonical import plain
from domain.components.base import ComponentData
from domain.components.catalogue import RawData, members, stored_data
from domain.components.instance import Component
from domain.components.skill import Endorsement, SkillComponent
from domain.event_data.component import (
    ComponentAdded,
    ComponentPrimaryChanged,
    ComponentRemoved,
    ComponentUpdated,
    ComponentVerified,
    SkillEndorsed,
)
from domain.events import Event
from domain.evolution.base import changed, effects
from domain.person import Person
from domain.personal import Redacted

EFFECTS, on = effects()


@on(ComponentAdded)
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
    return changed(person, components={**held, data.component_id: added})


@on(ComponentUpdated)
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


@on(ComponentRemoved)
def _component_removed(person: Person, data: ComponentRemoved, _: Event) -> Person:
    gone = [
        held.component_id
        for held in person.components.values()
        if (data.component_id is None and held.component_type == data.component_type)
        or held.component_id == data.component_id
    ]
    if not gone:
        return person
    return changed(
        person,
        components={key: held for key, held in person.components.items() if key not in gone},
        retired_components=person.retired_components.union(gone),
        quality={key: open_flag for key, open_flag in person.quality.items() if open_flag.component_id not in gone},
    )


@on(ComponentVerified)
def _component_verified(person: Person, data: ComponentVerified, event: Event) -> Person:
    held = person.components.get(data.component_id)
    if held is None or held.is_verified:
        return person
    return _replace(person, held, {"is_verified": True, "updated_at": event.time, "updated_by": event.actor})


@on(ComponentPrimaryChanged)
def _primary_changed(person: Person, data: ComponentPrimaryChanged, event: Event) -> Person:
    held = person.components.get(data.component_id)
    if held is None or held.component_type != data.component_type or held.is_primary:
        return person
    cleared = changed(person, components=_without_primary(person.components, data.component_type))
    return _replace(cleared, held, {"is_primary": True, "updated_at": event.time, "updated_by": event.actor})


@on(SkillEndorsed)
def _skill_endorsed(person: Person, data: SkillEndorsed, event: Event) -> Person:
    held = person.components.get(data.component_id)
    if held is None or held.component_type != "Skill":
        return person
    # Who vouches may be unreadable by now; that somebody does is kept.
    readable = {
        name: value
        for name in ("endorser_id", "endorser_name", "comment")
        if not isinstance(value := getattr(data, name), Redacted)
    }
    endorsement = Endorsement.model_construct(**readable, date=event.time.date())
    changes: dict[str, object] = {
        "data": _endorsed(held, endorsement),
        "updated_at": event.time,
        "updated_by": event.actor,
    }
    return _replace(person, held, changes)


def _replace(person: Person, held: Component, changes: dict[str, object]) -> Person:
    after = held.model_copy(update=changes)
    return changed(person, components={**person.components, held.component_id: after})


def _without_primary(held: dict[str, Component], component_type: str) -> dict[str, Component]:
    return {
        key: component.model_copy(update={"is_primary": False})
        if component.is_primary and component.component_type == component_type
        else component
        for key, component in held.items()
    }


def _endorsed(held: Component, endorsement: Endorsement) -> ComponentData | RawData | Redacted:
    if isinstance(held.data, SkillComponent):
        return held.data.model_copy(update={"endorsements": (*held.data.endorsements, endorsement)})
    if isinstance(held.data, Redacted):
        return held.data
    raw = members(held.data)
    before = raw.get("endorsements")
    endorsements = before if isinstance(before, list) else []
    return {**raw, "endorsements": [*endorsements, plain(endorsement)]}


def _patched(held: Component, changes: dict[str, JsonValue] | Redacted) -> ComponentData | RawData | Redacted:
    if isinstance(changes, Redacted):
        return changes
    if isinstance(held.data, ComponentData):
        # What does not change was read before; it is handed on as it is.
        with suppress(ValidationError):
            return held.data.restore(_present({**held.data.__dict__, **changes}))
    restored = stored_data(held.component_type, _present({**members(held.data), **changes}))
    if isinstance(held.data, Redacted) and not isinstance(restored, ComponentData):
        return held.data
    return restored


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that have a value: null clears one."""
    return {name: value for name, value in fields.items() if value is not None}
