"""Facts that conditions may use and that no row shows: pure values of an event or command and of the person around it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, JsonValue, ValidationError

from domain.canonical import plain_members
from domain.components.base import ComponentData
from domain.components.catalogue import true_type
from domain.person import Person
from domain.values.person_name import PersonName
from domain.values.rules import graphemes

FACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email_valid": "false if it carries an EmailAddress that breaks the rules of today",
        "phone_valid": "false if it carries a PhoneNumber that breaks the rules of today",
        "name_shortest_part": "characters, as a reader counts them, of the shortest given or family name; absent without a name",
        "name_convention": "naming convention of the name; absent without a name",
        "same_type_count": "components that the person has of the type that it is about; 0 if it is about none",
        "granted": "types of consent that are granted",
    }
)
"""The facts, and what they say."""

UNREMARKABLE: Final[Mapping[str, JsonValue]] = MappingProxyType(
    {"email_valid": True, "phone_valid": True, "same_type_count": 0, "granted": []}
)
"""The facts of an event that carries no component, about a person without name and consents."""


def facts_of(data: BaseModel, person: Person) -> dict[str, JsonValue]:
    """The facts of the payload of an event, and the person right after it; or of a command, and the person that it meets."""
    component_type, component = _component(data, person)
    facts: dict[str, JsonValue] = {
        "email_valid": component_type != "EmailAddress" or _is_valid(component),
        "phone_valid": component_type != "PhoneNumber" or _is_valid(component),
        "same_type_count": _count(component_type, person),
        "granted": [*sorted(kind for kind, consent in person.consents.items() if consent.granted)],
    }
    name = person.name
    if isinstance(name, PersonName):
        facts["name_shortest_part"] = min(map(graphemes, (*name.given_names, *name.family_names)), default=0)
        facts["name_convention"] = name.naming_convention
    return facts


def _component(data: BaseModel, person: Person) -> tuple[str | None, Any]:
    """Type and data of the component that a payload carries, or that it is about."""
    members = data.__dict__
    component_id, component_type = members.get("component_id"), members.get("component_type")
    carried = members.get("component_data", members.get("data"))
    held = person.components.get(component_id) if isinstance(component_id, str) else None
    if not isinstance(component_type, str):
        component_type = held.component_type if held else None
    if carried is None and held is not None:
        carried = held.data
    return (None if component_type is None else true_type(component_type)), carried


def _is_valid(component: Any) -> bool:
    if isinstance(component, ComponentData):
        try:
            type(component).admit(plain_members(component))
        except ValidationError:
            return False
        return True
    # What is stored raw broke its rules; what is redacted, or not there at all, breaks none.
    return not isinstance(component, dict)


def _count(component_type: str | None, person: Person) -> int:
    if component_type is None:
        return 0
    return sum(held.component_type == component_type for held in person.components.values())
