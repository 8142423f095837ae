"""Several new components of one command: each is checked against those held and against those before it."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.commands import Command
from domain.components.base import ComponentData
from domain.components.instance import Component, Provenance
from domain.decisions.component_guards import require_free
from domain.event_data.component import ComponentAdded
from domain.ids import derive
from domain.person import Person
from domain.refusals import Refused


class NewComponent(NamedTuple):
    """A component to add; without an id it gets one that is derived from the command."""

    component_id: str | None
    data: ComponentData


def add_components(command: Command, person: Person, asked: Sequence[NewComponent]) -> tuple[ComponentAdded, ...]:
    """The events that add them, in order; the first of a type is the primary one. Refuses taken ids, keys and slots."""
    so_far = person
    added: list[ComponentAdded] = []
    derived = 0
    for given_id, data in asked:
        component_id = given_id or derive(command.id, f"component:{derived}")
        derived += given_id is None
        if component_id in so_far.components or component_id in so_far.retired_components:
            raise Refused("component_exists", component_id=component_id, rule="id")
        require_free(so_far.components.values(), data.type_name, data)
        is_primary = all(held.component_type != data.type_name for held in so_far.components.values())
        provenance = Provenance(kind="Entered")
        added.append(
            ComponentAdded(
                component_id=component_id,
                component_type=data.type_name,
                component_data=data,
                is_primary=is_primary,
                provenance=provenance,
            )
        )
        held = Component.model_construct(
            component_id=component_id,
            component_type=data.type_name,
            data=data,
            is_primary=is_primary,
            is_verified=False,
            tags=(),
            custom_fields={},
            created_at=command.now,
            created_by=command.actor,
            updated_at=command.now,
            updated_by=command.actor,
            provenance=provenance,
        )
        so_far = so_far.model_copy(update={"components": {**so_far.components, component_id: held}})
    return tuple(added)
