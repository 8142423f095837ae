"""Effects of the events of an onboarding run."""

from domain.event_data.onboarding import OnboardingStarted
from domain.events import Event
from domain.evolution.base import changed, effects
from domain.onboarding import Onboarding
from domain.person import Person

EFFECTS, on = effects()


@on(OnboardingStarted)
def _onboarding(person: Person, data: OnboardingStarted, _: Event) -> Person:
    run = Onboarding.model_construct(
        onboarding_id=data.onboarding_id, run=data.run, state="WaitingForIdentityVerification"
    )
    return changed(person, onboarding=run)
