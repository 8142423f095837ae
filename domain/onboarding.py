"""The onboarding run of a person: where it stands and what of it is done or undone."""

from typing import Final, Literal

from domain.model import Frozen
from domain.times import Instant

OnboardingStep = Literal["IdentityStep", "LocationStep", "BasicInfoStep", "ComponentsStep", "CompletionStep"]
OnboardingState = Literal[
    "WaitingForIdentityVerification",
    "WaitingForLocationAssignment",
    "WaitingForBasicInfo",
    "WaitingForComponents",
    "WaitingForCompletion",
    "Completed",
    "Failed",
]
STEPS: Final[tuple[OnboardingStep, ...]] = (
    "IdentityStep",
    "LocationStep",
    "BasicInfoStep",
    "ComponentsStep",
    "CompletionStep",
)


class CompletedStep(Frozen):
    """A step that was done, with the components it added."""

    step: OnboardingStep
    component_ids: tuple[str, ...] = ()


class Onboarding(Frozen):
    """One run."""

    onboarding_id: str
    run: int
    state: OnboardingState
    completed: tuple[CompletedStep, ...] = ()
    reverted: tuple[OnboardingStep, ...] = ()
    failed_at: Instant | None = None

    @property
    def is_undone(self) -> bool:
        """Whether the run failed and every step it had completed is reverted."""
        return self.state == "Failed" and all(done.step in self.reverted for done in self.completed)
