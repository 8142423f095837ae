"""The catalogue of component types, and the one way component data is read: typed, else as it is."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue, ValidationError

from domain.canonical import plain_members
from domain.components.base import ComponentData
from domain.components.email_address import EmailAddressComponent
from domain.components.git_profile import GitProfileComponent
from domain.components.phone_number import PhoneNumberComponent
from domain.components.skill import SkillComponent
from domain.personal import Redacted

RawData = dict[str, JsonValue]
"""Stored data that does not satisfy the model of its type. It is shown as it is and may be repaired."""

COMPONENT_TYPES: Final[Mapping[str, type[ComponentData]]] = {
    model.type_name: model
    for model in (EmailAddressComponent, PhoneNumberComponent, SkillComponent, GitProfileComponent)
}


def stored_data(component_type: str, value: Any) -> ComponentData | RawData | Redacted:
    """Component data as it was stored. Never fails: what does not fit its model stays raw."""
    if isinstance(value, ComponentData | Redacted):
        return value
    if "$redacted" in value:
        return Redacted.restore(value)
    model = COMPONENT_TYPES.get(component_type)
    if model is None:
        return dict(value)
    try:
        return model.restore(value)
    except ValidationError:
        return dict(value)


def members(data: ComponentData | RawData | Redacted) -> RawData:
    """Top-level JSON fields of component data, as far as they can be read."""
    if isinstance(data, Redacted):
        return {}
    return plain_members(data) if isinstance(data, ComponentData) else data
