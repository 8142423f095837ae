"""Builds planned commands, admitted by the domain before they are handed over.

Ids are derived from a reference to the source: `base` names the person for ever, `edition` the content. The
domain refuses an id that comes back with other content, so an edition must change when its content may.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from pydantic import ValidationError

from domain.canonical import NotCanonical, canonical_members
from domain.commands import COMMANDS
from domain.fields import broken_rule, dotted
from domain.ids import NS, derive
from ops.importing.fields import UnfitError
from ops.importing.plan import PlannedCommand


def create_person(base: str, edition: str, data: dict[str, Any]) -> PlannedCommand:
    """The command that creates the person of `base`."""
    person_id = derive(derive(NS, f"{base}:create:0"), "person")
    return _admitted("person.commands.create", derive(NS, f"{edition}:create:0"), person_id, _canonical(data))


def create_keyed_person(base: str, data: dict[str, Any]) -> PlannedCommand:
    """The command that creates the person of `base`, as its source describes it now."""
    person_id = derive(derive(NS, f"{base}:create:0"), "person")
    canonical = _canonical(data)
    command_id = derive(NS, f"{base}:{_digest(canonical)}:create:0")
    return _admitted("person.commands.create", command_id, person_id, canonical)


def add_component(
    edition: str, index: int, person_id: str, component_type: str, data: dict[str, Any], *, is_primary: bool = False
) -> PlannedCommand:
    """Add the `index`-th component of an edition, under the id that the domain would derive."""
    command_id = derive(NS, f"{edition}:component.add:{index}")
    payload: dict[str, Any] = {
        "component_id": derive(command_id, "component:0"),
        "component_type": component_type,
        "data": data,
        "provenance_kind": "Imported",
    }
    if is_primary:
        payload["is_primary"] = True
    return _admitted("person.commands.component.add", command_id, person_id, _canonical(payload))


def update_component(edition: str, added: PlannedCommand, changes: dict[str, Any]) -> PlannedCommand:
    """Bring a component that was added before up to date."""
    payload = {
        "component_id": added.data["component_id"],
        "component_type": added.data["component_type"],
        "changes": changes,
    }
    command_id = derive(NS, f"{edition}:component.update:0")
    return _admitted("person.commands.component.update", command_id, added.person_id, _canonical(payload))


def place_component(
    base: str, slot: str, person_id: str, component_type: str, data: dict[str, Any], *, is_primary: bool = False
) -> PlannedCommand:
    """Add the component that a source keeps in one place, whatever it holds: the place names it for ever."""
    place = f"{base}:component:{component_type}:{slot}"
    payload: dict[str, Any] = {
        "component_id": derive(NS, place),
        "component_type": component_type,
        "data": data,
        "provenance_kind": "Imported",
    }
    if is_primary:
        payload["is_primary"] = True
    canonical = _canonical(payload)
    return _admitted("person.commands.component.add", derive(NS, f"{place}:{_digest(canonical)}"), person_id, canonical)


def amend_person(command_type: str, person_id: str, version: int, data: dict[str, Any]) -> PlannedCommand:
    """A command that changes the person as it was held at `version`. Its id rests on what it changes, and when."""
    canonical = _canonical(data)
    command_id = derive(NS, f"import:amend:{person_id}:{version}:{command_type}:{_digest(canonical)}")
    return _admitted(command_type, command_id, person_id, canonical)


def _canonical(data: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(canonical_members(data))
    except NotCanonical as error:
        raise UnfitError(f"{dotted(error.path)}: {error.rule}") from error


def _digest(canonical: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _admitted(command_type: str, command_id: str, person_id: str, canonical: dict[str, Any]) -> PlannedCommand:
    try:
        COMMANDS[command_type].model.admit(canonical)
    except ValidationError as error:
        raise UnfitError(": ".join(broken_rule(error))) from error
    return PlannedCommand(command_type, command_id, person_id, canonical)
