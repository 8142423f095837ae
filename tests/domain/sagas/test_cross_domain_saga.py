"""The cross-domain sync: an identity, a location and an employment, all three or none, in the person and in the domains that own them."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from domain.person import Person
from domain.refusals import Refused
from domain.sagas.timers import read_timer, timer_input
from tests.domain.sagas.world import SYNC, World
from tests.domain.specification import ADA

STEPS = ("identity", "location", "employment")
DOMAIN = {"identity": "identity", "location": "location", "employment": "organization"}
FORWARD = {
    "identity": "identity.commands.link_person",
    "location": "location.commands.associate_person",
    "employment": "organization.commands.start_employment",
}
UNDO = {
    "identity": "identity.commands.unlink_person",
    "location": "location.commands.disassociate_person",
    "employment": "organization.commands.end_employment",
}


def sync(behaviours: dict[str, str] | None = None, data: dict[str, Any] = SYNC) -> tuple[World, str]:
    world = World()
    world.create()
    world.neighbours = lambda command: (behaviours or {}).get(command, "answer")
    return world, world.start_saga("cross_domain_sync", data, "k-1")


def links_of(person: Person) -> tuple[int, int, int]:
    return (
        len(person.identities),
        len(person.locations),
        sum(one.is_open for one in person.employments.values()),
    )


def require_nothing_left(world: World) -> None:
    assert links_of(world.persons[ADA]) == (0, 0, 0)
    assert world.links[ADA] == set()
    assert not world.timers


def test_three_domains_link_the_person() -> None:
    world, saga_id = sync()
    world.settle()
    assert world.sagas[saga_id].status == "Completed"
    assert links_of(world.persons[ADA]) == (1, 1, 1)
    assert len(world.links[ADA]) == 3
    assert world.order == [FORWARD[step] for step in STEPS]


@pytest.mark.parametrize("parts", [("identity",), ("location", "employment"), ("identity", "employment")])
def test_absent_parts_are_left_out(parts: tuple[str, ...]) -> None:
    world, saga_id = sync(data={part: SYNC[part] for part in parts})
    world.settle()
    assert world.sagas[saga_id].steps == parts
    assert world.order == [FORWARD[step] for step in parts]
    assert world.sagas[saga_id].status == "Completed"


@pytest.mark.parametrize(("failing", "behaviour"), [*product(STEPS, ["silent", "reject", "deaf"])])
def test_a_step_that_fails_undoes_all_in_reverse(failing: str, behaviour: str) -> None:
    world, saga_id = sync({FORWARD[failing]: behaviour})
    world.settle(timers=True)
    done = STEPS[: STEPS.index(failing)]
    assert world.sagas[saga_id].status == "Compensated"
    # A rejection has had no effect; of silence nobody knows.
    undone = [*([] if behaviour == "reject" else [failing]), *reversed(done)]
    assert world.undone(saga_id) == undone
    assert [one for one in world.order if one in UNDO.values()] == [UNDO[step] for step in undone]
    assert world.types(saga_id).count("step_failed") == (1 if behaviour == "reject" else 4)
    require_nothing_left(world)


@pytest.mark.parametrize("already", STEPS)
def test_what_the_person_has_already_is_neither_asked_for_nor_undone(already: str) -> None:
    world = World()
    world.create()
    commands: dict[str, tuple[str, dict[str, Any]]] = {
        "identity": ("LinkIdentity", SYNC["identity"]),
        "location": ("AssignLocation", SYNC["location"]),
        "employment": ("AddEmployment", SYNC["employment"]),
    }
    world.ask(*commands[already])
    last = [step for step in STEPS if step != already][-1]
    world.neighbours = lambda command: "reject" if command == FORWARD[last] else "answer"
    saga_id = world.start_saga("cross_domain_sync", SYNC, "k-1")
    world.settle()
    assert world.sagas[saga_id].status == "Compensated"
    assert FORWARD[already] not in world.order
    assert UNDO[already] not in world.order
    assert sum(links_of(world.persons[ADA])) == 1


def test_a_link_that_came_without_an_answer_counts_at_the_next_try() -> None:
    world, saga_id = sync({FORWARD["identity"]: "deaf"})
    world.settle()
    world.ask("LinkIdentity", SYNC["identity"])
    world.inputs.clear()  # the event is late
    world.settle(timers=True)
    assert world.sagas[saga_id].status == "Completed"
    done = world.sagas[saga_id].done[0]
    assert (done.step, done.undoable) == ("identity", True)


@pytest.mark.parametrize("reached", range(3))
def test_a_sync_can_be_cancelled_at_every_step(reached: int) -> None:
    world, saga_id = sync({FORWARD[STEPS[reached]]: "silent"})
    world.settle()
    world.cancel(saga_id)
    world.settle()
    assert world.sagas[saga_id].status == "Compensated"
    assert world.undone(saga_id) == list(reversed(STEPS[: reached + 1]))
    require_nothing_left(world)


def test_a_saga_that_is_undone_already_cannot_be_cancelled() -> None:
    world, saga_id = sync({FORWARD["location"]: "reject", UNDO["identity"]: "silent"})
    world.settle()
    with pytest.raises(Refused) as refused:
        world.cancel(saga_id)
    assert (refused.value.code, refused.value.facts["status"]) == ("saga_transition", "Compensating")


@pytest.mark.parametrize(("stuck", "behaviour"), [*product(STEPS, ["silent", "reject", "deaf"])])
def test_an_undo_that_fails_parks_the_saga_and_a_retry_completes_it(stuck: str, behaviour: str) -> None:
    world, saga_id = sync({FORWARD["employment"]: "silent", UNDO[stuck]: behaviour})
    world.settle(timers=True)
    saga = world.sagas[saga_id]
    assert (saga.is_parked, saga.step, saga.direction) == (True, stuck, "undo")
    before = world.undone(saga_id)
    world.neighbours = lambda _: "answer"
    world.retry(saga_id)
    world.settle()
    assert world.sagas[saga_id].status == "Compensated"
    assert world.undone(saga_id) == ["employment", "location", "identity"]
    assert world.undone(saga_id)[: len(before)] == before
    require_nothing_left(world)


def test_a_late_answer_does_not_bring_an_undone_step_back() -> None:
    world, saga_id = sync({FORWARD["location"]: "silent"})
    world.settle(timers=True)
    ended = world.sagas[saga_id]
    for target, given in list(world.delivered):
        world.hand_over(target, given)
    assert world.sagas[saga_id] is ended


def test_a_rejection_of_another_command_is_passed_over() -> None:
    world, saga_id = sync({FORWARD["identity"]: "silent"})
    before = world.sagas[saga_id]
    world.signal(saga_id, "identity.rejected", {"command_id": ADA})
    world.signal(saga_id, "location.rejected")
    world.settle()
    assert world.sagas[saga_id] is before


def test_a_timer_that_was_replaced_is_passed_over() -> None:
    world, saga_id = sync({FORWARD["identity"]: "silent"})
    world.settle()
    stale = world.timers[saga_id]
    world.expire_next()
    world.settle()
    world.expire_next()
    world.settle()
    before = world.sagas[saga_id]
    assert before.attempt == 2
    world.inputs.append((saga_id, timer_input(read_timer(stale.raw), now=world.now)))
    world.settle()
    assert world.sagas[saga_id] is before


def test_erasure_while_a_sync_is_undone_ends_it() -> None:
    world, saga_id = sync({FORWARD["employment"]: "reject", UNDO["location"]: "silent"})
    world.settle()
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 1})
    world.settle()
    assert world.sagas[saga_id].paused
    world.settle(timers=True)
    saga = world.sagas[saga_id]
    assert (saga.status, saga.abandoned) == ("Compensated", True)
    assert UNDO["identity"] not in world.order


def test_a_pause_gives_back_the_full_time() -> None:
    world, saga_id = sync({FORWARD["identity"]: "silent"})
    world.settle()
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 720})
    world.settle()
    world.pass_time(timedelta(days=10))
    world.ask("CancelErasure", {"request_id": world.persons[ADA].erasure.request_id})  # type: ignore[union-attr]
    world.settle()
    saga = world.sagas[saga_id]
    assert (saga.step, saga.attempt, saga.deadline) == ("identity", 1, world.now + timedelta(seconds=60))
    assert len(world.sent) == 1, "the same command again"


def test_a_rejection_during_a_pause_is_heeded_after_it() -> None:
    world, saga_id = sync({FORWARD["location"]: "silent"})
    world.settle()
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest"})
    world.signal(saga_id, "location.rejected")
    world.settle()
    assert (world.sagas[saga_id].status, world.sagas[saga_id].paused) == ("Running", True)
    world.ask("CancelErasure", {"request_id": world.persons[ADA].erasure.request_id})  # type: ignore[union-attr]
    world.settle()
    assert world.sagas[saga_id].status == "Compensated"
    require_nothing_left(world)
