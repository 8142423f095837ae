"""Decides on components: added, updated, removed, verified, made the primary one."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue, ValidationError

from domain.canonical import encode, encode_stored, plain_members
from domain.command_data.base import CommandData
from domain.command_data.component import (
    AddComponent,
    AnalyzeSkills,
    EndorseSkill,
    RemoveComponent,
    SetPrimaryComponent,
    UpdateComponent,
    VerifyComponent,
)
from domain.commands import Command
from domain.components.base import ComponentData
from domain.components.catalogue import COMPONENT_TYPES, members
from domain.components.instance import MAX_COMPONENTS, MAX_DATA_BYTES, Provenance
from domain.decisions.base import Decision, Payloads
from domain.decisions.component_guards import held_component, require_another_person, require_consent, require_free
from domain.decisions.skill import analyze, endorse
from domain.event_data.component import (
    ComponentAdded,
    ComponentPrimaryChanged,
    ComponentRemoved,
    ComponentUpdated,
    ComponentVerified,
)
from domain.fields import broken_rule, dotted
from domain.ids import derive
from domain.person import Person
from domain.refusals import Refused


def add(command: Command, data: AddComponent, person: Person) -> Payloads:
    """A new component; the first of its type is the primary one."""
    if len(person.components) >= MAX_COMPONENTS:
        raise Refused("component_limit", limit=MAX_COMPONENTS)
    require_another_person(person, data.component_type, data.data)
    require_consent(person, data.component_type)
    component_id = data.component_id or derive(command.id, "component:0")
    if component_id in person.components or component_id in person.retired_components:
        raise Refused("component_exists", component_id=component_id, rule="id")
    require_free(person.components.values(), data.component_type, data.data)
    held = person.components_of(data.component_type)
    added = ComponentAdded(
        component_id=component_id,
        component_type=data.component_type,
        component_data=data.data,
        is_primary=not held,
        tags=data.tags,
        custom_fields=data.custom_fields,
        provenance=Provenance(kind=data.provenance_kind),
    )
    if not held or not data.is_primary:
        return (added,)
    return (added, _primary(person, data.component_type, component_id))


def update(_: Command, data: UpdateComponent, person: Person) -> Payloads:
    """The fields that differ, provided the result is valid."""
    held = held_component(person, data.component_id, data.component_type)
    before = members(held.data)
    result = _patched(data.component_type, before, data.changes)
    require_another_person(person, data.component_type, result)
    require_free(person.components.values(), data.component_type, result, except_id=held.component_id)
    changes = _difference(result, before)
    if not changes:
        raise Refused("no_change")
    return (
        ComponentUpdated(
            component_id=held.component_id,
            component_type=held.component_type,
            changes=changes,
            verification_reset=held.is_verified and result.natural_key() != held.natural_key(),
        ),
    )


def remove(_: Command, data: RemoveComponent, person: Person) -> Payloads:
    """The component is gone; the oldest remaining one takes over as primary."""
    held = held_component(person, data.component_id, data.component_type)
    removed = ComponentRemoved(component_id=held.component_id, component_type=held.component_type)
    rest = [other for other in person.components_of(held.component_type) if other.component_id != held.component_id]
    if not held.is_primary or not rest:
        return (removed,)
    return (removed, _primary(person, held.component_type, rest[0].component_id))


def verify(_: Command, data: VerifyComponent, person: Person) -> Payloads:
    """The data was checked."""
    held = held_component(person, data.component_id)
    if held.is_verified:
        raise Refused("no_change")
    return (ComponentVerified(component_id=held.component_id, component_type=held.component_type, method=data.method),)


def set_primary(_: Command, data: SetPrimaryComponent, person: Person) -> Payloads:
    """Another component of the type is the primary one."""
    held = held_component(person, data.component_id)
    if held.is_primary:
        raise Refused("no_change")
    return (_primary(person, held.component_type, held.component_id),)


def _primary(person: Person, component_type: str, component_id: str) -> ComponentPrimaryChanged:
    previous = person.primary_of(component_type)
    return ComponentPrimaryChanged(
        component_id=component_id,
        component_type=component_type,
        previous_component_id=previous.component_id if previous else None,
    )


def _patched(component_type: str, before: dict[str, JsonValue], changes: dict[str, JsonValue]) -> ComponentData:
    merged = {**before, **changes}
    patched = {name: value for name, value in merged.items() if value is not None}
    model = COMPONENT_TYPES[component_type]
    _refuse_unknown(model, patched, changes)
    try:
        result: ComponentData = model.__pydantic_validator__.validate_python(patched, extra="ignore")
    except ValidationError as error:
        field, rule = broken_rule(error, "data", "changes")
        raise Refused("component_invalid", field=field, rule=rule) from None
    if len(encode(result)) > MAX_DATA_BYTES:
        raise Refused("component_invalid", field="data.changes", rule="data_size")
    return result


def _refuse_unknown(
    model: type[ComponentData], patched: Mapping[str, JsonValue], changes: Mapping[str, JsonValue]
) -> None:
    """Refuse a field that nothing knows within a changed one. One that an old payload brought goes without a word."""
    try:
        model.admit(patched)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_context=False, include_input=False):
            if one["type"] == "extra_forbidden" and one["loc"][0] in changes:
                field = dotted(("data", "changes", *one["loc"]))
                raise Refused("component_invalid", field=field, rule="extra_forbidden") from None


def _difference(result: ComponentData, before: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What turns `before` into `result`; null for a field that is cleared."""
    after = plain_members(result)
    # Compared as bytes: to Python true is 1.
    changes = {
        name: value
        for name, value in after.items()
        if name not in before or encode_stored(value) != encode_stored(before[name])
    }
    cleared = (name for name in type(result).model_fields if name in before and name not in after)
    return {**changes, **dict.fromkeys(cleared)}


DECISIONS: Final[Mapping[type[CommandData], Decision]] = {
    AddComponent: add,
    UpdateComponent: update,
    RemoveComponent: remove,
    VerifyComponent: verify,
    SetPrimaryComponent: set_primary,
    EndorseSkill: endorse,
    AnalyzeSkills: analyze,
}
