"""Events of an onboarding run."""

from typing import Final

from pydantic import StrictInt

from domain.event_data.base import EventData, EventSpec
from domain.ids import Uuid
from domain.onboarding import OnboardingState, OnboardingStep
from domain.personal import OfProfile


class OnboardingStarted(EventData):
    """An onboarding run began."""

    onboarding_id: Uuid
    run: StrictInt
    steps: tuple[OnboardingStep, ...]


class OnboardingStepCompleted(EventData):
    """A step is done, with the components it added; the run waits for the next."""

    onboarding_id: Uuid
    step: OnboardingStep
    next_state: OnboardingState
    component_ids: tuple[Uuid, ...] = ()


class OnboardingStepReverted(EventData):
    """What a step did was undone."""

    onboarding_id: Uuid
    step: OnboardingStep


class OnboardingFailed(EventData):
    """The run ended without success; what it did is to be undone."""

    onboarding_id: Uuid
    at_step: OnboardingStep
    reason: OfProfile[str]


class OnboardingCompleted(EventData):
    """The run ended with success."""

    onboarding_id: Uuid


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.onboarding_started", 1, "onboarding", "started", OnboardingStarted),
    EventSpec("person.onboarding_step_completed", 1, "onboarding", "step_completed", OnboardingStepCompleted),
    EventSpec("person.onboarding_step_reverted", 1, "onboarding", "step_reverted", OnboardingStepReverted),
    EventSpec("person.onboarding_failed", 1, "onboarding", "failed", OnboardingFailed),
    EventSpec("person.onboarding_completed", 1, "onboarding", "completed", OnboardingCompleted),
)
