"""The checks of the trial: a good run is clean, and each thing that may go wrong is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.person import Person
from domain.relations import LinkedIdentity
from domain.sagas.state import Saga, SagaStatus
from domain.status import Status
from local.neighbours.faults import Behaviour, Faults
from local.neighbours.messages import NeighbourCommand, event_of
from tests.processes.cases import Case, cases
from tests.processes.causality import Message, faults_of
from tests.processes.checks import Result, check
from tests.processes.truth import Processes

NOW = datetime(2026, 1, 5, tzinfo=UTC)
PATIENT = Behaviour()
REFUSING = Behaviour(0, Faults(refuse=1.0))
MUTE = Behaviour(0, Faults(silence=1.0))
CASE = Case("cross_domain_sync", "0190c8a2-7b1e-7c3d-9a4f-000000000001", "x", 0.0, "helps")


class Found(Processes):
    """What a run left, put together by a test."""

    def __init__(self, *sagas: Saga) -> None:
        super().__init__()
        self.people: dict[str, Person] = {}
        self.sagas.update({saga.saga_id: saga for saga in sagas})

    def person(self, person_id: str) -> Person:
        return self.people.get(person_id, Person.new(person_id))

    def ask(self, verb: str) -> Found:
        """A message of the saga to a neighbour."""
        domain, _, name = verb.partition(".")
        self.asked[CASE.saga_id].append(NeighbourCommand(f"{verb} of a saga", domain, name, "c", 1, {}))
        return self

    def link(self, domain: str, **data: str) -> Found:
        """A link that a neighbour holds."""
        command = NeighbourCommand("command", domain, "verb", "c", 1, {})
        kind = {"identity": "linked", "location": "person_associated", "organization": "person_joined"}[domain]
        self.links[domain].apply(event_of(command, kind, {"person_id": CASE.person_id, **data}, 0))
        return self


def _saga(status: SagaStatus, **members: Any) -> Saga:
    return Saga.model_construct(
        saga_id=CASE.saga_id, saga="cross_domain_sync", person_id=CASE.person_id, status=status, **members
    )


def _checked(found: Found, behaviour: Behaviour = PATIENT, case: Case = CASE, **row: Any) -> Result:
    saga = found.sagas.get(case.saga_id)
    shown = {case.saga_id: {"status": saga.status, **row}} if saga is not None else {}
    return check([case], found, behaviour, shown)


def _linked(found: Found) -> Found:
    parts = CASE.parts
    identity = LinkedIdentity.model_construct(identity_type="account", verification_level="Unverified", linked_at=NOW)
    found.people[CASE.person_id] = Person.new(CASE.person_id).model_copy(
        update={"identities": {parts["identity"]["identity_id"]: identity}, "status": Status.ACTIVE, "created_at": NOW}
    )
    return found


def test_a_compensated_saga_that_was_refused_and_left_nothing_is_in_order() -> None:
    result = _checked(Found(_saga("Compensated")).ask("identity.link_person"), REFUSING)
    assert result.clean, result.violations
    assert (result.ended("compensated"), result.recoverable) == (1, 0)


@pytest.mark.parametrize(
    ("found", "behaviour", "words"),
    [
        (lambda: Found(), PATIENT, "is missing"),
        (lambda: Found(_saga("Running", step="identity")), PATIENT, "is hanging at identity"),
        (lambda: Found(_saga("Compensating")), PATIENT, "is hanging"),
        (lambda: Found(_saga("Compensated")), PATIENT, "though nothing hindered it"),
        (lambda: Found(_saga("Failed")).ask("identity.link_person"), REFUSING, "is parked by"),
        (lambda: Found(_saga("Failed", abandoned=True)).ask("identity.link_person"), PATIENT, "is failed though"),
    ],
)
def test_a_saga_without_its_proper_end_is_told(found: Callable[[], Found], behaviour: Behaviour, words: str) -> None:
    result = _checked(found(), behaviour)
    assert not result.clean
    assert any(words in line for line in result.violations), result.violations


def test_only_a_compensation_that_is_never_answered_may_wait_for_an_operator() -> None:
    result = _checked(Found(_saga("Failed")).ask("identity.unlink_person"), MUTE)
    assert result.clean, result.violations
    assert result.ended("parked") == 1


def test_a_person_and_a_neighbour_that_keep_something_of_an_undone_sync_are_half_changed() -> None:
    found = _linked(Found(_saga("Compensated")).ask("organization.start_employment"))
    kept = _checked(found, REFUSING).half_changed
    assert kept == [f"{CASE.person_id} (cross_domain_sync, compensated): identity is there"]
    elsewhere = Found(_saga("Compensated")).ask("x.link_person").link("location", location_id="l", usage="Work")
    assert "location has link of its own" in _checked(elsewhere, REFUSING).half_changed[0]


def test_a_completed_sync_without_its_parts_is_half_changed() -> None:
    lacking = _checked(_linked(Found(_saga("Completed"))).link("identity", identity_id="i")).half_changed
    assert [line.partition(": ")[2] for line in lacking] == [
        "location is missing",
        "location has no link of its own",
        "organization is missing",
        "organization has no link of its own",
    ]


def test_an_onboarding_that_was_undone_and_left_an_identity_is_half_changed() -> None:
    case = replace(CASE, kind="onboarding", conduct="stays_away")
    saga = _saga("Compensated").model_copy(update={"saga_id": case.saga_id})
    lines = _checked(_linked(Found(saga)), case=case).half_changed
    assert [line.partition(": ")[2] for line in lines] == ["is Active, its run None", "keeps something of the run"]


def test_a_list_that_shows_something_else_and_a_saga_that_nobody_started_are_told() -> None:
    found = Found(_saga("Compensated")).ask("identity.link_person")
    stray = _saga("Completed").model_copy(update={"saga_id": "stray"})
    found.sagas["stray"] = stray
    result = _checked(found, REFUSING, status="Running")
    assert any("list_sagas shows" in line for line in result.violations)
    assert "saga stray was started by nobody" in result.violations


def test_a_message_without_its_cause_in_its_correlation_is_told() -> None:
    root, caused = Message("root", "1", "1", 0), Message("caused", "1", "1", 1)
    assert faults_of({"1": root, "2": caused}) == []
    for wrong, words in (
        (caused._replace(cause_id="9"), "its cause 9 is nowhere"),
        (caused._replace(correlation_id="2"), "another correlation than its cause, root"),
        (caused._replace(cause_id="2"), "is a root with"),
        (caused._replace(depth=9), "has depth 9"),
    ):
        [line] = faults_of({"1": root, "2": wrong})
        assert words in line


def test_cases_follow_from_the_seed() -> None:
    first = cases(200, seed=3, per_s=20)
    assert first == cases(200, seed=3, per_s=20)
    assert first != cases(200, seed=4, per_s=20)
    assert len({case.saga_id for case in first}) == len(first) == 200 + 50 + 4 * 10
    assert {case.conduct for case in first} == {"helps", "stays_away", "cancels"}
    assert json.dumps(first[0].parts)
