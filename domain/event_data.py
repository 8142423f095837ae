"""Payloads of the events, in their current versions. Personal fields may read as Redacted."""

from typing import Any, Literal

from pydantic import Field, JsonValue, StrictInt, ValidationInfo, field_validator

from domain.components.base import ComponentData
from domain.components.catalogue import RawData, stored_data
from domain.components.instance import Provenance
from domain.ids import Uuid
from domain.model import Frozen
from domain.onboarding import OnboardingStep
from domain.personal import OfComponent, OfIdentity, OfProfile, Redacted
from domain.times import Day
from domain.values.person_name import PersonName
from domain.values.rules import Flag

MergeReason = Literal["DuplicateIdentity", "DataQualityIssue", "UserRequested", "PolicyDetermined"]


class EventData(Frozen):
    """What an event says beyond its envelope."""


class PersonCreated(EventData):
    """The person exists from now on."""

    name: OfIdentity[PersonName]
    source: str
    source_system: str | None = None
    import_id: str | None = None
    onboarding: Flag = False


class PersonActivated(EventData):
    """The person became Active."""

    reason: OfProfile[str]


class PersonSuspended(EventData):
    """The person was suspended: hidden, nothing deleted."""

    reason: OfProfile[str]


class PersonArchived(EventData):
    """The person was archived for good."""

    reason: OfProfile[str]


class DeathRecorded(EventData):
    """The death of the person became known."""

    date_of_death: OfIdentity[Day]


class PersonMerged(EventData):
    """The person was merged into another and refers to it."""

    target_person_id: Uuid
    merge_reason: MergeReason


class NameUpdated(EventData):
    """The name changed."""

    old_name: OfIdentity[PersonName] | None = None
    new_name: OfIdentity[PersonName]
    change_reason: OfProfile[str] | None = None


class BirthDateSet(EventData):
    """The birth date became known."""

    birth_date: OfIdentity[Day]


class OnboardingStarted(EventData):
    """An onboarding run began."""

    onboarding_id: Uuid
    run: StrictInt
    steps: tuple[OnboardingStep, ...]


class ComponentAdded(EventData):
    """A component was added."""

    component_id: Uuid
    component_type: str
    component_data: OfComponent[ComponentData | RawData]
    is_primary: Flag = False
    is_verified: Flag = False
    tags: OfComponent[tuple[str, ...]] = ()
    custom_fields: OfComponent[dict[str, JsonValue]] = Field(default_factory=dict)
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
    component_type: str | None = None
    changes: OfComponent[dict[str, JsonValue]]
    verification_reset: Flag = False


class ComponentRemoved(EventData):
    """A component was removed, or all of a type when no id is given."""

    component_id: Uuid | None = None
    component_type: str


class ComponentPrimaryChanged(EventData):
    """Another component of the type is the primary one now."""

    component_id: Uuid
    component_type: str
    previous_component_id: Uuid | None = None
