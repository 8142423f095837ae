"""Commands on the components of a person."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, JsonValue, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails

from domain.canonical import encode
from domain.command_data.base import CommandData, CommandSpec
from domain.components.base import ComponentData
from domain.components.catalogue import COMPONENT_TYPES
from domain.components.instance import MAX_CUSTOM_FIELD_BYTES, MAX_DATA_BYTES
from domain.ids import Uuid, is_person_id
from domain.values.rules import Flag, Tags, broken


def _known_type(component_type: str) -> str:
    if component_type not in COMPONENT_TYPES:
        raise broken("component_type")
    return component_type


def _usable(component_id: str) -> str:
    if not is_person_id(component_id):
        raise broken("reserved_id")
    return component_id


def _small(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(encode(fields)) > MAX_CUSTOM_FIELD_BYTES:
        raise broken("custom_fields_size")
    return fields


ComponentType = Annotated[str, AfterValidator(_known_type)]
ComponentId = Annotated[Uuid, AfterValidator(_usable)]
CustomFields = Annotated[dict[str, JsonValue], AfterValidator(_small)]


class AddComponent(CommandData):
    """Add a component of any type."""

    component_id: ComponentId | None = None
    component_type: ComponentType
    data: ComponentData
    is_primary: Flag = False
    tags: Tags = ()
    custom_fields: CustomFields = Field(default_factory=dict)
    provenance_kind: Literal["Entered", "Imported"] = "Entered"

    @field_validator("data", mode="plain")
    @classmethod
    def _of_its_type(cls, value: Any, info: ValidationInfo) -> ComponentData:
        model = COMPONENT_TYPES.get(info.data.get("component_type", ""))
        if model is None or not isinstance(value, dict):
            raise broken("object")
        _refuse_derived(model, value)
        data = model.admit(value)
        if len(encode(data)) > MAX_DATA_BYTES:
            raise broken("data_size")
        return data


class UpdateComponent(CommandData):
    """Change top-level fields of a component; null clears a field."""

    component_id: Uuid
    component_type: ComponentType
    changes: dict[str, JsonValue]

    @field_validator("changes", mode="after")
    @classmethod
    def _known_fields(cls, changes: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
        model = COMPONENT_TYPES.get(info.data.get("component_type", ""))
        if model is not None:
            _refuse_derived(model, changes)
            for name in changes:
                if name not in model.model_fields:
                    raise _broken_field(name, "extra_forbidden")
        return changes


class RemoveComponent(CommandData):
    """Remove a component. Its id is never used again."""

    component_id: Uuid
    component_type: ComponentType


def _refuse_derived(model: type[ComponentData], fields: dict[str, Any]) -> None:
    for name in model.derived_fields:
        if name in fields:
            raise _broken_field(name, "derived_field")


def _broken_field(name: str, rule: str) -> ValidationError:
    details = InitErrorDetails(type=broken(rule), loc=(name,), input=None)
    return ValidationError.from_exception_data(name, [details])


COMMANDS: Final = (
    CommandSpec("component.add", AddComponent),
    CommandSpec("component.update", UpdateComponent),
    CommandSpec("component.remove", RemoveComponent),
)
