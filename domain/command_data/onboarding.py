"""Commands on an onboarding run."""

from typing import Any, Final, Literal

from pydantic import ValidationInfo, field_validator

from domain.command_data.base import SAGAS, CommandData, CommandSpec
from domain.command_data.component import ComponentType, data_of_type, require_size
from domain.components.base import ComponentData
from domain.components.email_address import EmailAddressComponent
from domain.components.phone_number import PhoneNumberComponent
from domain.model import Frozen
from domain.onboarding import OnboardingStep
from domain.relations import ForeignId, LocationType
from domain.values.rules import Reason, Slug, UsableId, broken

MAX_PROVIDED: Final = 50


class StartOnboarding(CommandData):
    """Begin another run after one that failed and was undone."""


class VerifyIdentity(CommandData):
    """Give the verified identity that the run waits for."""

    identity_id: ForeignId
    identity_type: Slug
    verification_level: Literal["Email", "Phone", "Document", "Fully"]


class AssignOnboardingLocation(CommandData):
    """Give the place that the run waits for."""

    location_id: ForeignId
    location_type: LocationType


class ProvideBasicInfo(CommandData):
    """Give the first e-mail address and phone number."""

    email: EmailAddressComponent
    phone: PhoneNumberComponent
    email_component_id: UsableId | None = None
    phone_component_id: UsableId | None = None

    _size = field_validator("email", "phone", mode="after")(require_size)


class ProvidedComponent(Frozen):
    """A component of any type."""

    component_id: UsableId | None = None
    component_type: ComponentType
    data: ComponentData

    @field_validator("data", mode="plain")
    @classmethod
    def _of_its_type(cls, value: Any, info: ValidationInfo) -> ComponentData:
        return data_of_type(info.data.get("component_type", ""), value)


class ProvideComponents(CommandData):
    """Give the other components, or none."""

    components: tuple[ProvidedComponent, ...]

    @field_validator("components", mode="after")
    @classmethod
    def _few(cls, components: tuple[ProvidedComponent, ...]) -> tuple[ProvidedComponent, ...]:
        if len(components) > MAX_PROVIDED:
            raise broken("component_count")
        return components


class CompleteOnboarding(CommandData):
    """End the run with success: the person becomes Active."""


class FailOnboarding(CommandData):
    """End the run without success."""

    reason: Reason


class RevertOnboardingStep(CommandData):
    """Undo the last completed step of a failed run."""

    step: OnboardingStep


COMMANDS: Final = (
    CommandSpec("onboarding.start", StartOnboarding),
    CommandSpec("onboarding.verify_identity", VerifyIdentity),
    CommandSpec("onboarding.assign_location", AssignOnboardingLocation),
    CommandSpec("onboarding.provide_basic_info", ProvideBasicInfo),
    CommandSpec("onboarding.provide_components", ProvideComponents),
    CommandSpec("onboarding.complete", CompleteOnboarding),
    CommandSpec("onboarding.fail", FailOnboarding),
    CommandSpec("onboarding.revert_step", RevertOnboardingStep, SAGAS),
)
