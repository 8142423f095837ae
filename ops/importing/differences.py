"""What must be sent for a person that is held already: only what differs from the source.

What the source does not mention stays as it is, and nothing is ever removed. A source that is no authority adds what is
missing and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from domain.canonical import plain_members
from domain.components.base import ComponentData
from domain.components.catalogue import COMPONENT_TYPES, stored_data
from domain.values.person_name import PersonName
from ops.importing.commands import amend_person
from ops.importing.plan import PlannedCommand, PlannedPerson

SUSPEND = "person.commands.lifecycle.suspend"
REACTIVATE = "person.commands.lifecycle.reactivate"
_RENAME = "person.commands.update"
_ADD = "person.commands.component.add"
_UPDATE = "person.commands.component.update"


def of_new(person: PlannedPerson) -> tuple[PlannedCommand, ...]:
    """What follows the creation of a person."""
    rest = person.commands[1:]
    if person.active is False:
        return (*rest, amend_person(SUSPEND, person.commands[0].person_id, 0, {"reason": "inactive in the source"}))
    return rest


def of_held(person: PlannedPerson, held: Mapping[str, Any]) -> tuple[PlannedCommand, ...]:
    """What brings the person, as get_by_id shows it with its components, to what the source says."""
    create, *rest = person.commands
    person_id, version, status = create.person_id, held["version"], held["status"]
    commands: list[PlannedCommand] = []
    if person.active is True and status == "Suspended":
        commands.append(amend_person(REACTIVATE, person_id, version, {"reason": "active in the source"}))
    if person.is_authority:
        commands += (amend_person(_RENAME, person_id, version, changes) for changes in _of_person(create.data, held))
    commands += _of_components(person, rest, held)
    if person.active is False and status == "Active":
        commands.append(amend_person(SUSPEND, person_id, version, {"reason": "inactive in the source"}))
    return tuple(commands)


def _of_person(said: Mapping[str, Any], held: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = held.get("name")
    if name is not None and "$redacted" not in name and PersonName.restore(name) != PersonName.admit(said["name"]):
        yield {"name": said["name"]}
    # Another birth date than the one held is refused, and so told; it must not take the name with it.
    if "birth_date" in said and said["birth_date"] != held.get("birth_date"):
        yield {"birth_date": said["birth_date"]}


def _of_components(
    person: PlannedPerson, rest: list[PlannedCommand], held: Mapping[str, Any]
) -> Iterator[PlannedCommand]:
    components = {component["component_id"]: component for component in held["components"]}
    keys = {(component["component_type"], _key(component)) for component in held["components"]}
    for command in rest:
        data = command.data
        present = components.get(data.get("component_id"))
        if command.type == _UPDATE:
            if present is None or _differs(data["changes"], present["data"]):
                yield command
        elif command.type != _ADD:
            yield command
        elif present is None:
            model = COMPONENT_TYPES[data["component_type"]]
            if (data["component_type"], model.admit(data["data"]).natural_key()) not in keys:
                yield amend_person(_ADD, command.person_id, held["version"], data)
        elif person.is_authority and (changes := _changes(data, present["data"])):
            update = {name: data[name] for name in ("component_id", "component_type")} | {"changes": changes}
            yield amend_person(_UPDATE, command.person_id, held["version"], update)


def _changes(said: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    given = plain_members(COMPONENT_TYPES[said["component_type"]].admit(said["data"]))
    return {name: given[name] for name in said["data"] if name in given and given[name] != present.get(name)}


def _differs(changes: Mapping[str, Any], present: Mapping[str, Any]) -> bool:
    return any(present.get(name) != value for name, value in changes.items())


def _key(component: Mapping[str, Any]) -> tuple[str, ...] | None:
    data = stored_data(component["component_type"], component["data"])
    return data.natural_key() if isinstance(data, ComponentData) else None
