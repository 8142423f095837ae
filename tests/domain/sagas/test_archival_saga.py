"""The archival saga: every domain lets go of the person; one that does not holds up none of the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.person import Person
from domain.refusals import Refused
from domain.sagas.engine import start
from domain.sagas.inputs import RetryInput, StartInput
from tests.domain.sagas.world import World
from tests.domain.specification import ADA

DOMAINS = ("organization", "location", "agent", "git", "identity")
DATA = {"cause": "Archived", "effective_date": "2026-01-05"}


def archival(*, silent: tuple[str, ...] = (), behaviour: str = "silent") -> tuple[World, str]:
    world = World()
    world.create()
    world.ask("ArchivePerson", {"reason": "left"})
    world.neighbours = lambda command: behaviour if command.startswith(silent) else "answer"
    saga_id = world.start_saga("archival", DATA)
    return world, saga_id


def test_every_domain_releases_the_person_in_order() -> None:
    world, saga_id = archival()
    world.settle()
    assert world.sagas[saga_id].status == "Completed"
    assert world.order == [f"{domain}.commands.release_person" for domain in DOMAINS]
    assert all(b'"cause":"Archived","effective_date":"2026-01-05"' in raw for raw in world.sent.values())


def test_without_a_date_the_day_of_the_command_is_meant() -> None:
    world = World()
    world.create()
    world.start_saga("archival", {"cause": "Deceased"})
    assert b'"cause":"Deceased","effective_date":"2026-01-05"' in next(iter(world.sent.values()))


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("behaviour", ["silent", "reject"])
def test_a_domain_that_does_not_answer_holds_up_no_other(domain: str, behaviour: str) -> None:
    world, saga_id = archival(silent=(domain,), behaviour=behaviour)
    begun = world.now
    world.settle(timers=True)
    saga = world.sagas[saga_id]
    assert (saga.is_parked, saga.unreached, saga.error) == (True, (f"release_{domain}",), "unreached")
    assert [one.step for one in saga.done] == [f"release_{one}" for one in DOMAINS if one != domain]
    if behaviour == "silent":
        assert world.now - begun > timedelta(hours=96)


def test_a_retry_repeats_the_unreached_domains_only() -> None:
    world, saga_id = archival(silent=("location", "git"))
    world.settle(timers=True)
    sent = len(world.sent)
    world.neighbours = lambda _: "answer"
    world.retry(saga_id)
    world.settle()
    assert world.sagas[saga_id].status == "Completed"
    assert [b"location" in raw for raw in list(world.sent.values())[sent:]] == [True, False]
    assert len(world.sent) == sent + 2


def test_unreached_domains_can_be_skipped_one_by_one() -> None:
    world, saga_id = archival(silent=("location", "git"))
    world.settle(timers=True)
    world.skip(saga_id, "release_git")
    assert world.sagas[saga_id].unreached == ("release_location",)
    assert world.sagas[saga_id].is_parked
    with pytest.raises(Refused):
        world.skip(saga_id, "release_git")
    world.skip(saga_id, "release_location")
    assert world.sagas[saga_id].status == "Completed"


def test_a_running_step_can_be_skipped_and_no_other() -> None:
    world, saga_id = archival(silent=DOMAINS)
    with pytest.raises(Refused) as refused:
        world.skip(saga_id, "release_git")
    assert refused.value.facts == {"status": "Running", "step": "release_organization"}
    world.skip(saga_id, "release_organization")
    assert world.sagas[saga_id].step == "release_location"
    (skipped,) = [event for event in world.log[saga_id] if event.spec.name == "skipped"]
    assert (skipped.data.by, skipped.data.reason) == ("user:operator", "since I say so")  # type: ignore[attr-defined]


def test_an_aborted_saga_stays_as_it_is() -> None:
    world, saga_id = archival(silent=DOMAINS)
    world.abort(saga_id)
    saga = world.sagas[saga_id]
    assert (saga.status, saga.abandoned, saga.is_parked, saga.error) == ("Failed", True, False, "aborted")
    assert not world.timers
    for what in (world.retry, world.abort, world.cancel, lambda one: world.skip(one, "release_organization")):
        with pytest.raises(Refused):
            what(saga_id)
    world.signal(saga_id, "organization.person_released")
    world.settle()
    assert world.sagas[saga_id] is saga


def test_a_parked_saga_can_be_aborted() -> None:
    world, saga_id = archival(silent=DOMAINS)
    world.settle(timers=True)
    assert world.sagas[saga_id].is_parked
    world.abort(saga_id)
    assert not world.sagas[saga_id].is_parked


def test_only_a_failed_saga_can_be_retried() -> None:
    world, saga_id = archival(silent=DOMAINS)
    with pytest.raises(Refused) as refused:
        world.operate(saga_id, RetryInput)
    assert refused.value.code == "saga_transition"


def test_nobody_starts_a_saga_of_a_person_who_does_not_exist() -> None:
    world = World()
    given = StartInput(saga="archival", business_key=f"archival:{ADA}", data=DATA, **world.stamp("start"))
    with pytest.raises(Refused) as refused:
        start(given, Person.new(ADA))
    assert refused.value.code == "person_not_found"


def test_erasure_holds_an_archival_back_and_ends_it() -> None:
    world, saga_id = archival(silent=("agent",))
    world.settle()
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 1})
    world.settle()
    assert world.sagas[saga_id].paused
    world.signal(saga_id, "agent.person_released")
    world.settle()
    assert world.sagas[saga_id].is_done("release_agent")
    assert "git.commands.release_person" not in world.order
    world.neighbours = lambda _: "answer"
    world.settle(timers=True)
    saga = world.sagas[saga_id]
    assert (saga.status, saga.abandoned) == ("Compensated", True)
    assert "git.commands.release_person" not in world.order
