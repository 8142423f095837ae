"""Builds planned commands with ids derived from a reference to the source, never from a person's data.

Sending a plan again sends the same ids, which the domain answers without writing anything.
"""

from __future__ import annotations

from typing import Any

from domain.ids import NS, derive
from ops.importing.plan import PlannedCommand


def create_person(base: str, data: dict[str, Any]) -> PlannedCommand:
    """The command that creates the person of `base`; both ids depend on `base` alone."""
    command_id = derive(NS, f"{base}:create:0")
    return PlannedCommand("person.commands.create", command_id, derive(command_id, "person"), data)


def add_component(
    base: str, index: int, person_id: str, component_type: str, data: dict[str, Any], *, is_primary: bool = False
) -> PlannedCommand:
    """The `index`-th component of `base`; its id is the one the domain would derive."""
    command_id = derive(NS, f"{base}:component.add:{index}")
    payload: dict[str, Any] = {
        "component_id": derive(command_id, "component:0"),
        "component_type": component_type,
        "data": data,
        "provenance_kind": "Imported",
    }
    if is_primary:
        payload["is_primary"] = True
    return PlannedCommand("person.commands.component.add", command_id, person_id, payload)


def update_component(base: str, edition: str, added: PlannedCommand, changes: dict[str, Any]) -> PlannedCommand:
    """Bring a component added before up to date; `edition` differs whenever `changes` do."""
    payload = {
        "component_id": added.data["component_id"],
        "component_type": added.data["component_type"],
        "changes": changes,
    }
    command_id = derive(NS, f"{base}:component.update:{edition}")
    return PlannedCommand("person.commands.component.update", command_id, added.person_id, payload)
