"""Decides on an onboarding run: every step in its state, and undone in strict reverse order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from domain.command_data.base import CommandData
from domain.command_data.onboarding import (
    AssignOnboardingLocation,
    CompleteOnboarding,
    FailOnboarding,
    ProvideBasicInfo,
    ProvideComponents,
    RevertOnboardingStep,
    StartOnboarding,
    VerifyIdentity,
)
from domain.commands import Command
from domain.decisions.base import Decision, Payloads
from domain.decisions.component_guards import require_another_person, require_consent
from domain.decisions.new_components import NewComponent, add_components
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded, ComponentRemoved
from domain.event_data.identity import IdentityLinked, IdentityUnlinked
from domain.event_data.lifecycle import PersonActivated
from domain.event_data.onboarding import (
    OnboardingCompleted,
    OnboardingFailed,
    OnboardingStarted,
    OnboardingStepCompleted,
    OnboardingStepReverted,
)
from domain.event_data.relationship import LocationAssigned, LocationRemoved
from domain.ids import derive
from domain.onboarding import STATE_AFTER, STATE_BEFORE, STEPS, CompletedStep, Onboarding, OnboardingStep
from domain.person import Person
from domain.refusals import Refused


def start(command: Command, _: StartOnboarding, person: Person) -> Payloads:
    """Another run, once the one before failed and was undone."""
    before = person.onboarding
    if before is not None and not before.is_undone:
        raise Refused("onboarding_in_progress")
    run = 1 if before is None else before.run + 1
    return (OnboardingStarted(onboarding_id=derive(command.id, "onboarding"), run=run, steps=STEPS),)


def verify_identity(_: Command, data: VerifyIdentity, person: Person) -> Payloads:
    """The verified identity, linked."""
    run = _run_waiting_for(person, "IdentityStep")
    return (IdentityLinked(**dict(data)), _done(run, "IdentityStep"))


def assign_location(_: Command, data: AssignOnboardingLocation, person: Person) -> Payloads:
    """The place, as the primary one."""
    run = _run_waiting_for(person, "LocationStep")
    return (LocationAssigned(**dict(data), is_primary=True), _done(run, "LocationStep"))


def provide_basic_info(command: Command, data: ProvideBasicInfo, person: Person) -> Payloads:
    """The first e-mail address and phone number."""
    run = _run_waiting_for(person, "BasicInfoStep")
    email = NewComponent(data.email_component_id, data.email)
    phone = NewComponent(data.phone_component_id, data.phone)
    added = add_components(command, person, (email, phone))
    return (*added, _done(run, "BasicInfoStep", added))


def provide_components(command: Command, data: ProvideComponents, person: Person) -> Payloads:
    """The other components, or none."""
    run = _run_waiting_for(person, "ComponentsStep")
    for one in data.components:
        require_consent(person, one.component_type)
    for one in data.components:
        require_another_person(person, one.component_type, one.data)
    asked = [NewComponent(one.component_id, one.data) for one in data.components]
    added = add_components(command, person, asked)
    return (*added, _done(run, "ComponentsStep", added))


def complete(_: Command, __: CompleteOnboarding, person: Person) -> Payloads:
    """The person is Active."""
    run = _run_waiting_for(person, "CompletionStep")
    return (PersonActivated(reason="onboarding completed"), OnboardingCompleted(onboarding_id=run.onboarding_id))


def fail(_: Command, data: FailOnboarding, person: Person) -> Payloads:
    """Failed in whatever step was due."""
    run, step = _waiting_run(person)
    return (OnboardingFailed(onboarding_id=run.onboarding_id, at_step=step, reason=data.reason),)


def revert_step(_: Command, data: RevertOnboardingStep, person: Person) -> Payloads:
    """What the last step of a failed run did is undone."""
    run = person.onboarding
    if run is None or run.state != "Failed":
        raise Refused("onboarding_not_active")
    last = run.to_revert
    if last is None or last.step != data.step:
        raise Refused("onboarding_revert_order", expected=last.step if last else None)
    reverted = OnboardingStepReverted(onboarding_id=run.onboarding_id, step=data.step)
    return (*_INVERSE[data.step](person, last), reverted)


def _waiting_run(person: Person) -> tuple[Onboarding, OnboardingStep]:
    run = person.onboarding
    step = run.step_due if run is not None else None
    if run is None or step is None:
        raise Refused("onboarding_not_active")
    return run, step


def _run_waiting_for(person: Person, step: OnboardingStep) -> Onboarding:
    run, due = _waiting_run(person)
    if due != step:
        raise Refused("onboarding_wrong_step", expected=STATE_BEFORE[due])
    return run


def _done(run: Onboarding, step: OnboardingStep, added: Sequence[ComponentAdded] = ()) -> OnboardingStepCompleted:
    return OnboardingStepCompleted(
        onboarding_id=run.onboarding_id,
        step=step,
        next_state=STATE_AFTER[step],
        component_ids=tuple(one.component_id for one in added),
    )


def _unlink_identities(person: Person, _: CompletedStep) -> Payloads:
    return tuple(IdentityUnlinked(identity_id=identity_id) for identity_id in sorted(person.identities))


def _remove_locations(person: Person, _: CompletedStep) -> Payloads:
    return tuple(
        LocationRemoved(location_id=place.location_id, location_type=place.location_type)
        for _, place in sorted(person.locations.items())
    )


def _remove_components(person: Person, done: CompletedStep) -> Payloads:
    held = (person.components.get(component_id) for component_id in reversed(done.component_ids))
    return tuple(
        ComponentRemoved(component_id=component.component_id, component_type=component.component_type)
        for component in held
        if component is not None
    )


def _nothing(_: Person, __: CompletedStep) -> tuple[EventData, ...]:
    return ()


_INVERSE: Final[Mapping[OnboardingStep, Callable[[Person, CompletedStep], Payloads]]] = {
    "IdentityStep": _unlink_identities,
    "LocationStep": _remove_locations,
    "BasicInfoStep": _remove_components,
    "ComponentsStep": _remove_components,
    "CompletionStep": _nothing,
}

DECISIONS: Final[Mapping[type[CommandData], Decision]] = {
    StartOnboarding: start,
    VerifyIdentity: verify_identity,
    AssignOnboardingLocation: assign_location,
    ProvideBasicInfo: provide_basic_info,
    ProvideComponents: provide_components,
    CompleteOnboarding: complete,
    FailOnboarding: fail,
    RevertOnboardingStep: revert_step,
}
