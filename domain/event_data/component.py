"""Events of the components of a person."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, field_validator

from domain.components.base import ComponentData
from domain.components.catalogue import RawData, stored_data, true_type
from domain.components.instance import Provenance
from domain.event_data.base import EventData, EventSpec
from domain.ids import Uuid
from domain.personal import OfItsType, OfProfile, Redacted
from domain.values.rules import Flag

TypeName = Annotated[str, AfterValidator(true_type)]
"""A component type under its present name, also when an old event has it under another."""


class ComponentAdded(EventData):
    """A component was added."""

    component_id: Uuid
    component_type: TypeName
    component_data: OfItsType[ComponentData | RawData]
    is_primary: Flag = False
    is_verified: Flag = False
    tags: OfItsType[tuple[str, ...]] = ()
    custom_fields: OfItsType[dict[str, JsonValue]] = Field(default_factory=dict)
    provenance: Provenance | None = None

    @field_validator("component_data", mode="plain")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> ComponentData | RawData | Redacted:
        if not isinstance(value, dict | ComponentData | Redacted):
            raise ValueError("component data is an object")
        return stored_data(info.data.get("component_type", ""), value)


class ComponentUpdated(EventData):
    """Top-level fields of a component changed; null clears a field."""

    component_id: Uuid
    component_type: TypeName | None = None
    changes: OfItsType[dict[str, JsonValue]]
    verification_reset: Flag = False


class ComponentRemoved(EventData):
    """A component was removed, or all of a type when no id is given."""

    component_id: Uuid | None = None
    component_type: TypeName


class ComponentVerified(EventData):
    """The data of a component was checked, in the way that `method` names."""

    component_id: Uuid
    component_type: TypeName
    method: str


class ComponentPrimaryChanged(EventData):
    """Another component of the type is the primary one now."""

    component_id: Uuid
    component_type: TypeName
    previous_component_id: Uuid | None = None


class SkillEndorsed(EventData):
    """Somebody vouches for a skill."""

    component_id: Uuid
    endorser_id: OfProfile[Uuid] | None = None
    endorser_name: OfProfile[str] | None = None
    comment: OfProfile[str] | None = None


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.component_added", 3, "component", "added", ComponentAdded),
    EventSpec("person.component_updated", 2, "component", "updated", ComponentUpdated),
    EventSpec("person.component_removed", 2, "component", "removed", ComponentRemoved),
    EventSpec("person.component_verified", 1, "component", "verified", ComponentVerified),
    EventSpec("person.component_primary_changed", 1, "component", "primary_changed", ComponentPrimaryChanged),
    EventSpec("person.skill_endorsed", 2, "component", "skill_endorsed", SkillEndorsed),
)
