"""The merge saga: the target absorbs the source, and every neighbour hands the source over. There is no way back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.refusals import Refused
from tests.domain.sagas.world import merged
from tests.domain.specification import ADA, GRACE, uuid

THIRD = uuid("third person")
DOMAINS = ("identity", "organization", "location", "git", "agent")
LINK = {"identity_id": "i-1", "identity_type": "passport"}


def test_the_target_absorbs_the_source_and_every_domain_follows() -> None:
    world = merged(ADA, GRACE)
    world.settle()
    assert world.only().status == "Completed"
    assert world.persons[GRACE].absorbed == {ADA}
    assert world.order == [
        "person.commands.lifecycle.absorb",
        *(f"{domain}.commands.reassign_person" for domain in DOMAINS),
    ]
    assert all(f'"to_person_id":"{GRACE}"'.encode() in raw for raw in world.sent.values() if b"reassign" in raw)
    assert not world.timers


def test_a_target_that_was_merged_itself_names_the_next() -> None:
    world = merged(ADA, GRACE)
    world.create(THIRD)
    world.ask("MergePersons", {"target_person_id": THIRD, "merge_reason": "DuplicateIdentity"}, GRACE)
    world.settle()
    assert {saga.status for saga in world.sagas.values()} == {"Completed"}
    assert world.persons[THIRD].absorbed == {ADA, GRACE}
    of_ada = next(saga for saga in world.sagas.values() if saga.person_id == ADA)
    assert of_ada.result_of("absorb") == {"target_person_id": THIRD}
    assert [event.spec.name for event in world.log[of_ada.saga_id]][:3] == ["started", "step_started", "step_advanced"]


def test_an_erased_target_takes_the_source_with_it() -> None:
    world = merged(ADA, GRACE)
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 0}, GRACE)
    request = world.persons[GRACE].erasure
    world.ask("ConfirmErasure", {"request_id": request.request_id}, GRACE)  # type: ignore[union-attr]
    world.settle()
    saga = next(one for one in world.sagas.values() if one.saga == "merge")
    assert (saga.status, saga.abandoned) == ("Completed", True)
    assert world.persons[ADA].is_erased
    assert not [one for one in world.order if "reassign" in one]


def test_an_answer_that_says_absorbed_already_counts() -> None:
    world = merged(ADA, GRACE)
    world.edge = lambda _: "refuse:already_absorbed"
    world.settle()
    assert world.only().status == "Completed"


def test_a_refused_absorb_parks_the_saga() -> None:
    world = merged(ADA, GRACE)
    world.edge = lambda _: "refuse:absorb_source_invalid"
    world.settle()
    saga = world.only()
    assert saga.is_parked
    assert saga.error == "absorb: refused absorb_source_invalid"
    world.edge = lambda _: "decide"
    world.retry(saga.saga_id)
    world.settle()
    assert world.only().status == "Completed"
    assert (world.only().round, world.persons[GRACE].absorbed) == (2, frozenset({ADA}))


@pytest.mark.parametrize("behaviour", ["fail", "silent"])
def test_an_absorb_without_a_decision_is_tried_again_until_the_saga_is_parked(behaviour: str) -> None:
    world = merged(ADA, GRACE)
    world.edge = lambda _: behaviour
    world.settle(timers=True)
    saga = world.only()
    assert (saga.is_parked, saga.error is not None and saga.error.split()[0]) == (True, "absorb:")
    assert world.types().count("step_started") == 4
    assert world.order == ["person.commands.lifecycle.absorb"]
    # Behind what an operator mends at the target, nothing is missing.
    world.edge = lambda _: "decide"
    world.retry(saga.saga_id)
    world.settle()
    assert (world.only().status, world.persons[GRACE].absorbed) == ("Completed", frozenset({ADA}))


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("behaviour", ["silent", "reject"])
def test_a_domain_that_does_not_follow_parks_the_saga_and_a_retry_goes_on_there(domain: str, behaviour: str) -> None:
    world = merged(ADA, GRACE)
    world.neighbours = lambda command: behaviour if command.startswith(domain) else "answer"
    begun = world.now
    world.settle(timers=True)
    saga = world.only()
    assert (saga.is_parked, saga.step) == (True, f"reassign_{domain}")
    assert (world.now - begun > timedelta(hours=96)) == (behaviour == "silent")
    world.neighbours = lambda _: "answer"
    world.retry(saga.saga_id)
    world.settle()
    assert world.only().status == "Completed"
    assert [one.step for one in world.only().done][1:] == [f"reassign_{one}" for one in DOMAINS]


def test_a_merge_cannot_be_cancelled() -> None:
    world = merged(ADA, GRACE)
    world.deliver_all_inputs()
    with pytest.raises(Refused) as refused:
        world.cancel(world.only().saga_id)
    assert refused.value.code == "saga_transition"


def test_an_erased_source_ends_the_merge() -> None:
    world = merged(ADA, GRACE)
    world.neighbours = lambda _: "silent"
    world.settle()
    world.ask("ConfirmErasure", {"via": GRACE}, ADA)
    world.settle()
    assert (world.only().status, world.only().abandoned) == ("Completed", True)
    assert not world.timers


def test_signals_of_others_and_repetitions_change_nothing() -> None:
    world = merged(ADA, GRACE)
    world.neighbours = lambda _: "silent"
    world.settle()
    before = world.only()
    for signal in ("organization.person_reassigned", "identity.undone", "organization.rejected", "nobody.said"):
        world.signal(before.saga_id, signal)
    world.settle()
    assert world.only() is before
    world.signal(before.saga_id, "identity.person_reassigned")
    world.signal(before.saga_id, "identity.person_reassigned")
    world.settle()
    assert world.only().step == "reassign_organization"
