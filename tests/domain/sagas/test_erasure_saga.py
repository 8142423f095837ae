"""The erasure saga: grace, then everybody that the person has absorbed, then the neighbours."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.refusals import Refused
from domain.sagas.state import Saga
from tests.domain.sagas.world import World
from tests.domain.specification import ADA, GRACE, uuid

THIRD = uuid("third person")
FOURTH = uuid("fourth person")
DOMAINS = ("identity", "organization", "location", "git", "agent")


def request(world: World, grace_hours: int = 24) -> None:
    asked = {"legal_basis": "DataSubjectRequest", "grace_hours": grace_hours}
    assert world.ask("RequestErasure", asked).status == "accepted"


def merge(world: World, source: str, target: str) -> None:
    merged = {"target_person_id": target, "merge_reason": "DuplicateIdentity"}
    assert world.ask("MergePersons", merged, source).status == "accepted"
    world.settle()


def erasure(world: World) -> Saga:
    return next(one for one in world.sagas.values() if one.saga == "erasure")


def requested(grace_hours: int = 24) -> World:
    world = World()
    world.create()
    request(world, grace_hours)
    world.settle()
    return world


def test_a_person_is_erased_once_the_grace_period_is_over() -> None:
    world = requested()
    world.pass_time(timedelta(hours=24) - timedelta(seconds=1))
    assert not world.persons[ADA].is_erased
    world.pass_time(timedelta(seconds=1))
    world.settle()
    saga = erasure(world)
    assert world.persons[ADA].is_erased
    assert saga.status == "Completed"
    assert world.order == [
        "person.commands.privacy.confirm_erasure",
        *(f"{domain}.commands.forget_person" for domain in DOMAINS),
    ]


def test_without_grace_it_happens_at_once() -> None:
    world = requested(grace_hours=0)
    assert erasure(world).status == "Completed"


def test_the_completed_event_carries_who_has_forgotten_and_when() -> None:
    world = requested(grace_hours=0)
    (completed,) = [event for event in world.log[erasure(world).saga_id] if event.spec.name == "completed"]
    receipts = completed.data.receipts  # type: ignore[attr-defined]
    assert [one.answer for one in receipts] == [f"{domain}.person_forgotten/{ADA}" for domain in DOMAINS]
    assert all(one.data == {"person_id": ADA, "position": 7} for one in receipts)


def test_cancelling_ends_the_saga_before_anything_is_erased() -> None:
    world = requested()
    world.ask("CancelErasure", {"request_id": world.persons[ADA].erasure.request_id})  # type: ignore[union-attr]
    world.settle()
    assert erasure(world).status == "Compensated"
    assert world.order == []
    assert not world.timers
    request(world)
    world.settle()
    assert len(world.sagas) == 2


def test_cancelling_wins_against_a_confirmation_that_comes_late() -> None:
    world = requested()
    world.edge = lambda _: "silent"
    world.pass_time(timedelta(hours=24))
    world.ask("CancelErasure", {"request_id": world.persons[ADA].erasure.request_id})  # type: ignore[union-attr]
    delayed = world.inputs.popleft()
    world.edge = lambda _: "decide"
    world.settle()
    world.expire_next()
    world.settle()
    world.expire_next()
    world.settle()
    assert erasure(world).status == "Running", "it waits for the event"
    world.inputs.append(delayed)
    world.settle()
    assert erasure(world).status == "Compensated"
    assert not world.persons[ADA].is_erased


def test_whom_the_person_absorbed_is_erased_too_along_every_merge() -> None:
    world = World()
    for person_id in (ADA, GRACE, THIRD, FOURTH):
        world.create(person_id)
    merge(world, FOURTH, THIRD)
    merge(world, THIRD, GRACE)
    merge(world, GRACE, ADA)
    request(world, 0)
    world.settle()
    saga = erasure(world)
    assert saga.status == "Completed"
    assert all(world.persons[one].is_erased for one in (ADA, GRACE, THIRD, FOURTH))
    assert saga.result_of("confirm") == {"persons": [ADA, GRACE, THIRD, FOURTH]}
    assert len(saga.received) == 4 * len(DOMAINS)


def test_who_was_absorbed_along_a_chain_is_erased_through_the_person_it_was_merged_into() -> None:
    world = World()
    for person_id in (ADA, GRACE, THIRD):
        world.create(person_id)
    # Both merges happen before either saga runs: Ada absorbs the third person, who refers to Grace.
    merged = {"merge_reason": "DuplicateIdentity"}
    world.ask("MergePersons", {"target_person_id": GRACE, **merged}, THIRD)
    world.ask("MergePersons", {"target_person_id": ADA, **merged}, GRACE)
    world.settle()
    assert world.persons[ADA].absorbed == {GRACE, THIRD}
    assert world.persons[GRACE].absorbed == frozenset()
    request(world, 0)
    world.settle()
    assert erasure(world).status == "Completed"
    assert all(world.persons[one].is_erased for one in (ADA, GRACE, THIRD))


def test_from_the_first_erased_person_on_there_is_no_way_back() -> None:
    world = World()
    for person_id in (ADA, GRACE):
        world.create(person_id)
    merge(world, GRACE, ADA)
    request(world, 0)
    world.deliver_all_inputs()
    world.decide_next()
    world.deliver_all_inputs()
    assert erasure(world).past_pivot
    assert not world.persons[GRACE].is_erased
    world.edge = lambda _: "fail"
    world.settle(timers=True)
    assert erasure(world).is_parked
    world.edge = lambda _: "decide"
    world.retry(erasure(world).saga_id)
    world.settle()
    assert erasure(world).status == "Completed"
    assert world.persons[GRACE].is_erased


@pytest.mark.parametrize("behaviour", ["fail", "silent", "refuse:forbidden"])
def test_a_confirmation_that_does_not_succeed_parks_the_saga(behaviour: str) -> None:
    world = requested(grace_hours=1)
    world.edge = lambda _: behaviour
    world.settle(timers=True)
    saga = erasure(world)
    assert (saga.is_parked, saga.step, saga.past_pivot) == (True, "confirm", False)
    world.edge = lambda _: "decide"
    world.retry(saga.saga_id)
    world.settle()
    assert erasure(world).status == "Completed"


def test_a_parked_erasure_whose_request_was_cancelled_ends_with_a_retry() -> None:
    world = requested(grace_hours=1)
    world.edge = lambda _: "fail"
    world.settle(timers=True)
    world.ask("CancelErasure", {"request_id": world.persons[ADA].erasure.request_id})  # type: ignore[union-attr]
    world.settle()
    assert erasure(world).is_parked
    world.retry(erasure(world).saga_id)
    assert erasure(world).status == "Compensated"
    assert not world.commands


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_that_does_not_forget_is_asked_again_alone(domain: str) -> None:
    world = requested(grace_hours=1)
    world.neighbours = lambda command: "silent" if command.startswith(domain) else "answer"
    world.settle(timers=True)
    saga = erasure(world)
    assert (saga.is_parked, saga.step) == (True, "forget_domains")
    world.neighbours = lambda _: "answer"
    asked = len(world.sent)
    world.retry(saga.saga_id)
    world.settle()
    assert erasure(world).status == "Completed"
    assert len(world.sent) == asked + 1
    assert len(erasure(world).received) == len(DOMAINS)


def test_an_erasure_is_cancelled_on_the_person_and_nowhere_else() -> None:
    world = requested()
    with pytest.raises(Refused) as refused:
        world.cancel(erasure(world).saga_id)
    assert refused.value.code == "saga_transition"


def test_a_repeated_confirmation_counts() -> None:
    world = requested(grace_hours=1)
    world.edge = lambda _: "refuse:person_erased"
    world.settle(timers=True)
    assert erasure(world).status == "Completed"
