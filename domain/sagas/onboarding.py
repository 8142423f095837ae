"""PersonOnboarding: asks for what an onboarding run waits for, keeps its time limits, completes it, and undoes a run that failed.

The person guards the run and has the last word: what its events say is so, whatever the saga was doing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from domain.event_data.onboarding import OnboardingCompleted, OnboardingFailed, OnboardingStarted
from domain.onboarding import Onboarding
from domain.person import Person
from domain.sagas.definition import NothingToUndo, Outcomes, PersonEvent, SagaDefinition, Send, Step, Undo, Verdict
from domain.sagas.event_data import Receipt
from domain.sagas.inputs import PersonEventInput, SagaInput
from domain.sagas.state import Saga

LINKING_TIME: Final = timedelta(days=7)
PROVIDING_TIME: Final = timedelta(days=14)
DECIDING_TIME: Final = timedelta(seconds=60)

REVERT: Final = "person.commands.onboarding.revert_step"
GIVE_UP: Final = "give_up"
_STEP_COMPLETED: Final = "person.onboarding_step_completed"


def business_key(given: PersonEventInput) -> str:
    """One saga for each run."""
    data = given.event.data
    assert isinstance(data, OnboardingStarted)
    return f"onboarding:{given.event.person_id}:{data.run}"


def start_data(given: PersonEventInput) -> Mapping[str, JsonValue]:
    """The run."""
    data = given.event.data
    assert isinstance(data, OnboardingStarted)
    return {"onboarding_id": data.onboarding_id, "run": data.run}


def is_completed(step: str, saga: Saga, person: Person) -> bool:
    """Whether the run has the step already."""
    run = run_of(saga, person)
    return run is not None and any(done.step == step for done in run.completed)


def run_of(saga: Saga, person: Person) -> Onboarding | None:
    """The run of the saga, None if the person is not in it any more."""
    run = person.onboarding
    return run if run is not None and run.onboarding_id == saga.data.get("onboarding_id") else None


def settle(saga: Saga, given: SagaInput, person: Person) -> Verdict | None:
    """A run that is completed completes the saga, one that failed is undone, whoever brought it about."""
    run = run_of(saga, person)
    state = run.state if run is not None else None
    event = given.event.data if isinstance(given, PersonEventInput) else None
    if isinstance(event, OnboardingCompleted | OnboardingFailed) and event.onboarding_id == saga.data.get(
        "onboarding_id"
    ):
        state = "Completed" if isinstance(event, OnboardingCompleted) else "Failed"
    if state == "Completed":
        return Verdict("completed")
    if state != "Failed":
        return None
    also_done = () if run is None else tuple(done.step for done in run.completed if done.step not in run.reverted)
    return Verdict("undo", "refused", "onboarding_failed", also_done)


def linked_identities(_: Saga, person: Person, __: tuple[Receipt, ...]) -> Mapping[str, JsonValue]:
    """What the undo names to the identity domain."""
    return {"ids": list[JsonValue](sorted(person.identities))} if person.identities else {}


def assigned_locations(_: Saga, person: Person, __: tuple[Receipt, ...]) -> Mapping[str, JsonValue]:
    """What the undo names to the location domain."""
    ids = sorted({one.location_id for one in person.locations.values()})
    return {"ids": list(ids)} if ids else {}


def _completes(step: str) -> PersonEvent:
    return PersonEvent(_STEP_COMPLETED, {"onboarding_id": "=data.onboarding_id", "step": step})


def _reverts(step: str, *then: Send) -> Undo:
    return Undo(
        sends=(Send("revert", REVERT, {"step": step}),),
        awaits=Outcomes(),
        timeout=DECIDING_TIME,
        ok_codes=frozenset({"onboarding_revert_order"}),
        then=then,
        # A step that was not completed has changed nothing; what was asked for has no effect of its own.
        even_if_failed=False,
    )


DEFINITION: Final = SagaDefinition(
    name="onboarding",
    title="PersonOnboarding",
    purpose="leads a Draft person through its onboarding run",
    starts_on=OnboardingStarted,
    key=business_key,
    start_data=start_data,
    steps=(
        Step(
            name="IdentityStep",
            sends=(Send("request_verification", "identity.commands.request_verification"),),
            awaits=_completes("IdentityStep"),
            timeout=LINKING_TIME,
            by_people=True,
            undo=_reverts("IdentityStep", Send("unlink", "identity.commands.unlink_person", {"identity_id": "=about"})),
            already=lambda saga, person: is_completed("IdentityStep", saga, person),
            result=linked_identities,
        ),
        Step(
            name="LocationStep",
            sends=(Send("request_assignment", "location.commands.request_assignment"),),
            awaits=_completes("LocationStep"),
            timeout=LINKING_TIME,
            by_people=True,
            undo=_reverts(
                "LocationStep", Send("disassociate", "location.commands.disassociate_person", {"location_id": "=about"})
            ),
            already=lambda saga, person: is_completed("LocationStep", saga, person),
            result=assigned_locations,
        ),
        Step(
            name="BasicInfoStep",
            awaits=_completes("BasicInfoStep"),
            timeout=PROVIDING_TIME,
            by_people=True,
            undo=_reverts("BasicInfoStep"),
            already=lambda saga, person: is_completed("BasicInfoStep", saga, person),
        ),
        Step(
            name="ComponentsStep",
            awaits=_completes("ComponentsStep"),
            timeout=PROVIDING_TIME,
            by_people=True,
            undo=_reverts("ComponentsStep"),
            already=lambda saga, person: is_completed("ComponentsStep", saga, person),
        ),
        Step(
            name="CompletionStep",
            sends=(Send("complete", "person.commands.onboarding.complete"),),
            awaits=PersonEvent("person.onboarding_completed", {"onboarding_id": "=data.onboarding_id"}),
            timeout=DECIDING_TIME,
            pivot=True,
            undo=NothingToUndo("a completed run stays completed"),
        ),
    ),
    give_up=Step(
        name=GIVE_UP,
        sends=(Send("fail", "person.commands.onboarding.fail", {"reason": "onboarding saga ended"}),),
        awaits=PersonEvent("person.onboarding_failed", {"onboarding_id": "=data.onboarding_id"}),
        timeout=DECIDING_TIME,
        # One of the two events that end a run is on its way.
        wait_codes=frozenset({"onboarding_not_active"}),
        undo=NothingToUndo("a failed run is what is undone"),
    ),
    settle=settle,
    settled_by={OnboardingCompleted: "completed", OnboardingFailed: "undo"},
)
