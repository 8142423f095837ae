"""Commands on the components of a person."""

from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, JsonValue, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails

from domain.canonical import encode
from domain.command_data.base import CommandData, CommandSpec
from domain.components.base import ComponentData
from domain.components.catalogue import COMPONENT_TYPES
from domain.components.instance import MAX_CUSTOM_FIELD_BYTES, MAX_DATA_BYTES
from domain.ids import Uuid
from domain.values.rules import Flag, Reason, ShortText, Slug, Tags, UsableId, broken


def _known_type(component_type: str) -> str:
    if component_type not in COMPONENT_TYPES:
        raise broken("component_type")
    return component_type


def _small(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(encode(fields)) > MAX_CUSTOM_FIELD_BYTES:
        raise broken("custom_fields_size")
    if any(name.startswith("$") for name in fields):
        raise broken("reserved_key")  # a map with such a key stands for one that nobody can read
    return fields


C = TypeVar("C", bound=ComponentData)
ComponentType = Annotated[str, AfterValidator(_known_type)]
CustomFields = Annotated[dict[str, JsonValue], AfterValidator(_small)]


class AddComponent(CommandData):
    """Add a component of any type."""

    component_id: UsableId | None = None
    component_type: ComponentType
    data: ComponentData
    is_primary: Flag = False
    tags: Tags = ()
    custom_fields: CustomFields = Field(default_factory=dict)
    provenance_kind: Literal["Entered", "Imported"] = "Entered"

    @field_validator("data", mode="plain")
    @classmethod
    def _of_its_type(cls, value: Any, info: ValidationInfo) -> ComponentData:
        return data_of_type(info.data.get("component_type", ""), value)


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


class VerifyComponent(CommandData):
    """Say that the data of a component was checked, and how."""

    component_id: Uuid
    method: Slug


class SetPrimaryComponent(CommandData):
    """Make a component the primary one of its type."""

    component_id: Uuid


class EndorseSkill(CommandData):
    """Vouch for a skill, as a person of this domain or as somebody with a name."""

    component_id: Uuid
    endorser_id: Uuid | None = None
    endorser_name: ShortText | None = None
    comment: Reason | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.endorser_id is None and self.endorser_name is None:
            raise broken("endorser_id_or_endorser_name")
        return self


class AnalyzeSkills(CommandData):
    """Derive skills from one Git profile, or from all."""

    component_id: Uuid | None = None


def data_of_type(component_type: str, value: Any) -> ComponentData:
    """Data that is sent for a new component. Raises for what its type does not allow."""
    model = COMPONENT_TYPES.get(component_type)
    if model is None or not isinstance(value, dict):
        raise broken("object")
    _refuse_derived(model, value)
    return require_size(model.admit(value))


def require_size(data: C) -> C:
    """Refuse data that is larger than a component may be."""
    if len(encode(data)) > MAX_DATA_BYTES:
        raise broken("data_size")
    return data


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
    CommandSpec("component.verify", VerifyComponent),
    CommandSpec("component.set_primary", SetPrimaryComponent),
    CommandSpec("component.endorse_skill", EndorseSkill),
    CommandSpec("skills.analyze", AnalyzeSkills),
)
