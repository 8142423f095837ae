"""The onboarding saga: asks, waits, keeps time, completes, and undoes in reverse order what a failed run has done."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from domain.onboarding import STEPS
from domain.refusals import Refused
from domain.sagas.effects import SendCommand
from domain.sagas.inputs import PersonEventInput
from domain.status import Status
from tests.domain.sagas.world import STEP_COMMANDS, World
from tests.domain.specification import ADA

WAITING = STEPS[:-1]


def onboarding(done: int = 0) -> World:
    """A run in which so many steps are done, by people."""
    world = World()
    world.neighbours = lambda _: "silent"
    world.create(onboarding=True)
    world.settle()
    for step in WAITING[:done]:
        provide(world, step)
    return world


def provide(world: World, step: str) -> None:
    assert world.ask(*STEP_COMMANDS[step]).status == "accepted"
    world.settle()


def require_undone(world: World, steps: tuple[str, ...]) -> None:
    saga, person = world.only(), world.persons[ADA]
    assert saga.status == "Compensated"
    assert world.undone() == list(reversed(steps))
    assert person.onboarding is not None
    assert person.onboarding.is_undone
    assert (person.status, person.components, person.identities, person.locations) == (Status.DRAFT, {}, {}, {})
    assert not world.timers


def test_a_run_whose_steps_are_done_makes_the_person_active() -> None:
    world = onboarding(4)
    assert world.only().status == "Completed"
    assert world.persons[ADA].status is Status.ACTIVE
    assert world.order == [
        "identity.commands.request_verification",
        "location.commands.request_assignment",
        "person.commands.onboarding.complete",
    ]
    assert not world.timers


def test_neighbours_that_answer_do_the_first_two_steps() -> None:
    world = World()
    world.create(onboarding=True)
    world.settle()
    assert world.only().step == "BasicInfoStep"
    assert world.only().result_of("IdentityStep") == {"ids": ["i-1"]}


@pytest.mark.parametrize("done", range(4))
def test_a_step_that_people_do_not_do_in_time_undoes_the_run(done: int) -> None:
    world = onboarding(done)
    limit = timedelta(days=7 if done < 2 else 14)
    world.pass_time(limit - timedelta(seconds=1))
    assert world.only().status == "Running"
    world.pass_time(timedelta(seconds=1))
    require_undone(world, WAITING[:done])
    failed = next(event for event in world.log[world.only().saga_id] if event.spec.name == "step_failed")
    assert (failed.data.step, failed.data.cause, failed.data.will_retry) == (WAITING[done], "timeout", False)  # type: ignore[attr-defined]


@pytest.mark.parametrize("done", range(5))
def test_a_run_can_be_cancelled_until_it_is_completed(done: int) -> None:
    world = World()
    world.neighbours = lambda _: "silent"
    world.edge = lambda command: "silent" if command.endswith(".complete") else "decide"
    world.create(onboarding=True)
    world.settle()
    for step in WAITING[:done]:
        provide(world, step)
    world.cancel(world.only().saga_id)
    world.settle()
    require_undone(world, WAITING[:done])
    cancelled = next(event for event in world.log[world.only().saga_id] if event.spec.name == "step_failed")
    assert (cancelled.data.by, cancelled.data.reason) == ("user:operator", "since I say so")  # type: ignore[attr-defined]


def test_a_completed_run_cannot_be_cancelled() -> None:
    world = onboarding(4)
    with pytest.raises(Refused) as refused:
        world.cancel(world.only().saga_id)
    assert refused.value.code == "saga_transition"


@pytest.mark.parametrize("done", range(4))
def test_a_run_that_somebody_fails_is_undone(done: int) -> None:
    world = onboarding(done)
    world.ask("FailOnboarding", {"reason": "not our person"})
    world.settle()
    require_undone(world, WAITING[:done])
    assert "person.commands.onboarding.fail" not in world.order


@pytest.mark.parametrize("domain", ["identity", "location"])
def test_a_neighbour_that_rejects_undoes_the_run(domain: str) -> None:
    world = onboarding(0 if domain == "identity" else 1)
    world.signal(world.only().saga_id, f"{domain}.rejected")
    world.settle()
    require_undone(world, WAITING[: 0 if domain == "identity" else 1])


def test_a_refused_completion_undoes_the_run() -> None:
    world = onboarding(3)
    world.edge = lambda command: "refuse:forbidden" if command.endswith(".complete") else "decide"
    provide(world, "ComponentsStep")
    require_undone(world, WAITING)


def test_a_completion_that_fails_is_tried_four_times_with_one_id_and_then_undone() -> None:
    world = onboarding(3)
    world.edge = lambda command: "fail" if command.endswith(".complete") else "decide"
    world.ask(*STEP_COMMANDS["ComponentsStep"])
    world.settle(timers=True)
    require_undone(world, WAITING)
    assert world.types().count("step_failed") == 4
    assert world.order.count("person.commands.onboarding.complete") == 1


def test_a_completion_without_an_answer_is_tried_again_and_completes() -> None:
    world = onboarding(3)
    asked = iter(["silent", "fail", "decide"])
    world.edge = lambda command: next(asked) if command.endswith(".complete") else "decide"
    world.ask(*STEP_COMMANDS["ComponentsStep"])
    world.settle(timers=True)
    assert world.only().status == "Completed"
    assert world.only().attempt == 3


def test_retries_rest_longer_each_time() -> None:
    world = onboarding(3)
    world.edge = lambda _: "fail"
    world.ask(*STEP_COMMANDS["ComponentsStep"])
    rests = []
    for _ in range(3):
        world.settle()
        (timer,) = world.timers.values()
        rests.append(timer.at - world.now)
        world.expire_next()
    assert rests == [timedelta(milliseconds=100 * 2**number) for number in range(3)]


def test_a_step_that_is_done_while_the_run_is_given_up_is_undone_too() -> None:
    world = onboarding(1)
    world.edge = lambda command: "silent" if command.endswith(".fail") else "decide"
    world.cancel(world.only().saga_id)
    world.settle()
    provide(world, "LocationStep")
    world.edge = lambda _: "decide"
    world.settle(timers=True)
    require_undone(world, WAITING[:2])


def test_a_run_that_is_completed_while_it_is_given_up_stays_completed() -> None:
    world = onboarding(3)
    world.edge = lambda command: "silent"
    provide(world, "ComponentsStep")
    world.cancel(world.only().saga_id)
    world.settle()
    world.ask("CompleteOnboarding", {})
    world.edge = lambda _: "decide"
    world.settle(timers=True)
    assert world.only().status == "Completed"
    assert world.persons[ADA].status is Status.ACTIVE


def test_an_undo_that_fails_parks_the_saga_and_a_retry_completes_it() -> None:
    world = onboarding(3)
    stuck = "fail"
    world.edge = lambda command: stuck if command.endswith(".revert_step") else "decide"
    world.cancel(world.only().saga_id)
    world.settle(timers=True)
    saga = world.only()
    assert (saga.status, saga.is_parked, saga.step, saga.direction) == ("Failed", True, "BasicInfoStep", "undo")
    assert saga.error == "undo of BasicInfoStep: failed unavailable"
    stuck = "decide"
    world.retry(saga.saga_id)
    world.settle()
    require_undone(world, WAITING[:3])
    assert world.only().round == 2


def test_an_undo_that_was_made_by_hand_can_be_skipped() -> None:
    world = onboarding(2)
    world.edge = lambda command: "fail" if command.endswith(".revert_step") else "decide"
    world.cancel(world.only().saga_id)
    world.settle(timers=True)
    world.skip(world.only().saga_id, "LocationStep")
    assert world.only().status == "Compensating"
    assert world.only().step == "IdentityStep"


def test_neighbours_hear_of_an_undone_step_with_the_ids_that_it_had_brought() -> None:
    world = onboarding(2)
    world.cancel(world.only().saga_id)
    world.settle()
    told = [raw for raw in world.sent.values() if b"unlink_person" in raw or b"disassociate_person" in raw]
    assert len(told) == 2
    assert b'"location_id":"l-1"' in told[0]
    assert b'"identity_id":"i-1"' in told[1]


def test_another_run_has_another_saga() -> None:
    world = onboarding(1)
    world.cancel(world.only().saga_id)
    world.settle()
    world.ask("StartOnboarding", {})
    world.settle()
    first, second = world.sagas.values()
    assert (first.status, second.status) == ("Compensated", "Running")
    assert second.business_key.endswith(":2")
    for step in WAITING:
        provide(world, step)
    assert world.sagas[second.saga_id].status == "Completed"
    assert world.sagas[first.saga_id].status == "Compensated"


def test_a_saga_that_starts_late_skips_what_the_person_has() -> None:
    world = World()
    world.create(onboarding=True)
    for step in WAITING[:2]:
        world.ask(*STEP_COMMANDS[step])
    world.settle()
    assert world.only().step == "BasicInfoStep"
    assert world.order == []


def test_erasure_pauses_a_run_and_cancelling_it_resumes() -> None:
    world = onboarding(1)
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest"})
    world.settle()
    saga = next(one for one in world.sagas.values() if one.saga == "onboarding")
    assert saga.paused
    assert saga.saga_id not in world.timers
    request = world.persons[ADA].erasure
    world.ask("CancelErasure", {"request_id": request.request_id})  # type: ignore[union-attr]
    world.settle()
    assert not world.sagas[saga.saga_id].paused
    assert world.sagas[saga.saga_id].step == "LocationStep"
    for step in WAITING[1:]:
        provide(world, step)
    assert world.sagas[saga.saga_id].status == "Completed"


def test_erasure_ends_a_run_and_nothing_more_is_sent_for_it() -> None:
    world = onboarding(2)
    world.neighbours = lambda _: "answer"
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 1})
    world.settle()
    sent = len(world.order)
    world.settle(timers=True)
    saga = next(one for one in world.sagas.values() if one.saga == "onboarding")
    assert (saga.status, saga.abandoned) == ("Compensated", True)
    assert [one for one in world.order[sent:] if "onboarding" in one or "unlink" in one] == []


def test_a_cancelled_run_of_a_person_to_be_erased_is_undone_after_the_erasure_is_cancelled() -> None:
    world = onboarding(2)
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest"})
    world.settle()
    saga = next(one for one in world.sagas.values() if one.saga == "onboarding")
    world.cancel(saga.saga_id)
    world.settle()
    assert world.sagas[saga.saga_id].status == "Running"
    world.ask("CancelErasure", {"request_id": world.persons[ADA].erasure.request_id})  # type: ignore[union-attr]
    world.settle()
    assert world.sagas[saga.saga_id].status == "Compensated"
    assert world.undone(saga.saga_id) == ["LocationStep", "IdentityStep"]


def test_old_events_that_arrive_again_change_nothing() -> None:
    world = onboarding(3)
    before = world.only()
    for target, given in list(world.delivered):
        assert isinstance(given, PersonEventInput)
        world.hand_over(target, given)
    assert world.only() is before


def test_a_command_that_meets_a_pending_erasure_first_is_asked_again_under_a_new_id() -> None:
    world = onboarding(3)
    asked = iter(["refuse:erasure_pending", "refuse:erasure_pending", "decide"])
    world.edge = lambda command: next(asked) if command.endswith(".complete") else "decide"
    provide(world, "ComponentsStep")
    world.settle(timers=True)
    assert world.only().status == "Completed"
    assert world.order.count("person.commands.onboarding.complete") == 3


def test_an_undo_that_meets_a_pending_erasure_first_waits_for_its_end() -> None:
    world = onboarding(2)
    world.edge = lambda command: "silent" if command.endswith(".revert_step") else "decide"
    world.cancel(world.only().saga_id)
    world.settle()
    saga_id = world.only().saga_id
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest"})
    revert = next(raw for raw in world.sent.values() if b"revert_step" in raw)
    world.commands.append(
        SendCommand(orjson.loads(revert)["id"], "person.commands.onboarding.revert_step", revert, ADA)
    )
    world.edge = lambda _: "decide"
    world.settle()
    assert (world.sagas[saga_id].status, world.sagas[saga_id].paused) == ("Compensating", True)
    world.ask("CancelErasure", {"request_id": world.persons[ADA].erasure.request_id})  # type: ignore[union-attr]
    world.settle()
    assert world.sagas[saga_id].status == "Compensated"
    assert world.undone(saga_id) == ["LocationStep", "IdentityStep"]


def test_a_command_that_meets_an_erased_person_ends_the_saga() -> None:
    world = onboarding(3)
    world.edge = lambda _: "refuse:person_erased"
    provide(world, "ComponentsStep")
    assert (world.only().status, world.only().abandoned) == ("Compensated", True)
