"""Events of an onboarding run."""

from typing import Final

from pydantic import StrictInt

from domain.event_data.base import EventData, EventSpec
from domain.ids import Uuid
from domain.onboarding import OnboardingStep


class OnboardingStarted(EventData):
    """An onboarding run began."""

    onboarding_id: Uuid
    run: StrictInt
    steps: tuple[OnboardingStep, ...]


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.onboarding_started", 1, "onboarding", "started", OnboardingStarted),
)
