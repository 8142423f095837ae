"""Effects of the events of an onboarding run. An event of another run than the person's changes nothing."""

from domain.event_data.onboarding import (
    OnboardingCompleted,
    OnboardingFailed,
    OnboardingStarted,
    OnboardingStepCompleted,
    OnboardingStepReverted,
)
from domain.events import Event
from domain.evolution.base import changed, effects
from domain.onboarding import CompletedStep, Onboarding
from domain.person import Person

EFFECTS, on = effects()


@on(OnboardingStarted)
def _onboarding(person: Person, data: OnboardingStarted, _: Event) -> Person:
    run = Onboarding.model_construct(
        onboarding_id=data.onboarding_id, run=data.run, state="WaitingForIdentityVerification"
    )
    return changed(person, onboarding=run)


@on(OnboardingStepCompleted)
def _step_completed(person: Person, data: OnboardingStepCompleted, _: Event) -> Person:
    run = _run(person, data.onboarding_id)
    if run is None or run.step_due != data.step:
        return person
    done = CompletedStep.model_construct(step=data.step, component_ids=data.component_ids)
    return _with_run(person, run, state=data.next_state, completed=(*run.completed, done))


@on(OnboardingStepReverted)
def _step_reverted(person: Person, data: OnboardingStepReverted, _: Event) -> Person:
    run = _run(person, data.onboarding_id)
    if run is None or run.state != "Failed" or run.to_revert is None or run.to_revert.step != data.step:
        return person
    return _with_run(person, run, reverted=(*run.reverted, data.step))


@on(OnboardingFailed)
def _failed(person: Person, data: OnboardingFailed, event: Event) -> Person:
    run = _run(person, data.onboarding_id)
    if run is None or not run.is_waiting:
        return person
    return _with_run(person, run, state="Failed", failed_at=event.time)


@on(OnboardingCompleted)
def _completed(person: Person, data: OnboardingCompleted, _: Event) -> Person:
    run = _run(person, data.onboarding_id)
    if run is None or run.step_due != "CompletionStep":
        return person
    return _with_run(person, run, state="Completed")


def _run(person: Person, onboarding_id: str) -> Onboarding | None:
    run = person.onboarding
    return run if run is not None and run.onboarding_id == onboarding_id else None


def _with_run(person: Person, run: Onboarding, **changes: object) -> Person:
    return changed(person, onboarding=run.model_copy(update=changes))
