"""What operators do to sagas, wherever these stand."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest

from domain.refusals import Refused
from domain.sagas.inputs import AbortInput, CancelInput, RetryInput, SkipInput
from tests.domain.sagas.world import STEP_COMMANDS, SYNC, World
from tests.domain.specification import ADA


def standing(where: str) -> tuple[World, str]:
    """A sync that runs, is undone, has ended in one of the ways, or waits for the end of an erasure."""
    world = World()
    world.create()
    silent = {
        "Running": "start_employment",
        "Compensating": "disassociate_person",
        "parked": "disassociate_person",
        "paused": "start_employment",
        "Compensated": "start_employment",
    }.get(where, "nothing")
    world.neighbours = lambda command: "silent" if command.endswith(silent) else "answer"
    saga_id = world.start_saga("cross_domain_sync", SYNC, "k-1")
    if where in ("Compensating", "parked"):
        world.neighbours = lambda command: (
            "silent" if command.endswith(silent) else "reject" if "start_employment" in command else "answer"
        )
    world.settle(timers=where in ("parked", "Compensated"))
    if where == "paused":
        world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest"})
        world.settle()
    if where == "aborted":
        world, saga_id = standing("Running")
        world.abort(saga_id)
    return world, saga_id


ALLOWED = {
    "Running": {CancelInput, SkipInput, AbortInput},
    "paused": {CancelInput, SkipInput, AbortInput},
    "Compensating": {SkipInput, AbortInput},
    "parked": {RetryInput, SkipInput, AbortInput},
    "Completed": set(),
    "Compensated": set(),
    "aborted": set(),
}
CASES = [*product(ALLOWED, (CancelInput, RetryInput, SkipInput, AbortInput))]


@pytest.mark.parametrize(("where", "kind"), CASES, ids=[f"{where}-{kind.__name__}" for where, kind in CASES])
def test_what_an_operator_may_do_depends_on_where_the_saga_stands(where: str, kind: type) -> None:
    world, saga_id = standing(where)
    before = world.sagas[saga_id]
    fields = {"step": str(before.step)} if kind is SkipInput else {}
    if kind in ALLOWED[where]:
        world.operate(saga_id, kind, **fields)
        assert world.sagas[saga_id].version > before.version
        return
    with pytest.raises(Refused) as refused:
        world.operate(saga_id, kind, **fields)
    assert (refused.value.code, refused.value.facts["status"]) == ("saga_transition", before.status)
    assert world.sagas[saga_id] is before


def test_a_skipped_step_is_undone_like_any_other() -> None:
    world, saga_id = standing("Running")
    world.skip(saga_id, "employment")
    assert world.sagas[saga_id].status == "Completed"
    world, saga_id = standing("Running")
    assert [done.undoable for done in world.sagas[saga_id].done] == [True, True]


def test_a_skipped_undo_lets_the_others_go_on() -> None:
    world, saga_id = standing("parked")
    world.skip(saga_id, "location")
    world.settle()
    assert world.sagas[saga_id].status == "Compensated"
    assert world.undone(saga_id) == ["identity"]


def test_a_skipped_pivot_completes_the_saga() -> None:
    world = World()
    world.edge = lambda _: "silent"
    world.create(onboarding=True)
    for step in STEP_COMMANDS.values():
        world.ask(*step)
    world.settle()
    world.skip(world.only().saga_id, "CompletionStep")
    assert (world.only().status, world.only().past_pivot) == ("Completed", True)


def test_a_saga_that_is_cancelled_during_a_pause_is_undone_after_it() -> None:
    world, saga_id = standing("paused")
    world.cancel(saga_id)
    world.settle()
    assert (world.sagas[saga_id].status, world.sagas[saga_id].paused) == ("Running", True)
    assert not [subject for subject in world.order if "unlink" in subject]
    world.ask("CancelErasure", {"request_id": world.persons[ADA].erasure.request_id})  # type: ignore[union-attr]
    world.settle()
    assert world.undone(saga_id) == ["employment", "location", "identity"]


def test_rounds_count_up_and_their_commands_are_new() -> None:
    world, saga_id = standing("parked")
    for round_ in (2, 3):
        sent = len(world.sent)
        world.retry(saga_id)
        world.settle(timers=True)
        assert (world.sagas[saga_id].round, world.sagas[saga_id].is_parked) == (round_, True)
        assert len(world.sent) == sent + 1
    retried = [event.data for event in world.log[saga_id] if event.spec.name == "retried"]
    assert [(one.by, one.reason) for one in retried] == [("user:operator", "since I say so")] * 2  # type: ignore[attr-defined]
    assert world.now - world.log[saga_id][0].time > timedelta(minutes=12)
