"""A component a person has: its data together with its flags, origin and history."""

from typing import Any, Final, Literal

from pydantic import JsonValue, ValidationInfo, field_validator

from domain.components.base import ComponentData
from domain.components.catalogue import RawData, stored_data
from domain.ids import Uuid
from domain.model import Frozen
from domain.personal import Redacted
from domain.state_json import DumpedOnce
from domain.times import Instant

MAX_COMPONENTS: Final = 500
MAX_DATA_BYTES: Final = 64 * 1024
MAX_CUSTOM_FIELD_BYTES: Final = 16 * 1024


class Provenance(Frozen):
    """Where a component comes from."""

    kind: Literal["Entered", "Imported", "Derived", "Absorbed"]
    source_person_id: Uuid | None = None
    source_component_id: Uuid | None = None
    derived_from: Uuid | None = None


class Component(DumpedOnce):
    """One component instance, as a state holds it."""

    component_id: str
    component_type: str
    data: ComponentData | RawData | Redacted
    is_primary: bool
    is_verified: bool
    tags: tuple[str, ...]
    custom_fields: dict[str, JsonValue]
    created_at: Instant
    created_by: str
    updated_at: Instant
    updated_by: str
    provenance: Provenance | None = None

    @field_validator("data", mode="plain")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> ComponentData | RawData | Redacted:
        return stored_data(info.data["component_type"], value)

    def natural_key(self) -> tuple[str, ...] | None:
        """Key of the data, when the data can be read."""
        return self.data.natural_key() if isinstance(self.data, ComponentData) else None

    @property
    def age(self) -> tuple[object, str]:
        """Orders components, the oldest first."""
        return self.created_at, self.component_id
