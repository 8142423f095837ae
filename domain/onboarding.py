"""The onboarding run of a person: its machine, where it stands, and what of it is done or undone."""

from collections.abc import Mapping
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
STATES: Final[tuple[OnboardingState, ...]] = (
    "WaitingForIdentityVerification",
    "WaitingForLocationAssignment",
    "WaitingForBasicInfo",
    "WaitingForComponents",
    "WaitingForCompletion",
    "Completed",
)
"""The states of a run that succeeds, in order: step ``i`` leads from state ``i`` to the next."""

STATE_BEFORE: Final[Mapping[OnboardingStep, OnboardingState]] = dict(zip(STEPS, STATES[:-1], strict=True))
STATE_AFTER: Final[Mapping[OnboardingStep, OnboardingState]] = dict(zip(STEPS, STATES[1:], strict=True))
_STEP_DUE: Final[Mapping[OnboardingState, OnboardingStep]] = dict(zip(STATES[:-1], STEPS, strict=True))


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
    def is_waiting(self) -> bool:
        """Whether it is in one of the five states that wait for a step."""
        return self.state in _STEP_DUE

    @property
    def step_due(self) -> OnboardingStep | None:
        """The step it waits for."""
        return _STEP_DUE.get(self.state)

    @property
    def to_revert(self) -> CompletedStep | None:
        """The last step that was completed and is not reverted: the only one that may be."""
        return next((done for done in reversed(self.completed) if done.step not in self.reverted), None)

    @property
    def is_undone(self) -> bool:
        """Whether the run failed and every step it had completed is reverted."""
        return self.state == "Failed" and self.to_revert is None
