"""Definitions of sagas: those that there are have no fault, and each fault that one could have is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from domain.event_data.onboarding import OnboardingStarted
from domain.sagas import archival, cross_domain_sync, onboarding
from domain.sagas.catalogue import SAGAS
from domain.sagas.definition import (
    NothingToUndo,
    Outcomes,
    PersonEvent,
    Retry,
    SagaDefinition,
    Send,
    Signals,
    Step,
    Undo,
    Until,
)
from domain.sagas.linting import UnsoundDefinitionError, faults, require_sound
from domain.translate.outbound import OUTBOUND
from tests.domain.sagas.world import SYNC, World, merged
from tests.domain.specification import ADA, GRACE

MINUTE = timedelta(minutes=1)
ASK = Send("ask", "identity.commands.request_verification")
UNDO = Undo(sends=(Send("undo", "identity.commands.unlink_person"),), awaits=Signals("undone"), timeout=MINUTE)
SOUND = Step(name="first", sends=(ASK,), awaits=PersonEvent("person.identity_linked"), timeout=MINUTE, undo=UNDO)
PIVOT = Step(
    name="pivot",
    sends=(Send("complete", "person.commands.onboarding.complete"),),
    awaits=Outcomes(),
    timeout=MINUTE,
    pivot=True,
)


def saga(*steps: Step, **fields: Any) -> SagaDefinition:
    defaults: dict[str, Any] = {"name": "trial", "title": "Trial", "purpose": "tries", "starts_on": None}
    return SagaDefinition(**{**defaults, "steps": steps, **fields})


def sending(send: Send, **fields: Any) -> Step:
    return replace(SOUND, sends=(send,), **fields)


def test_the_definitions_have_no_fault() -> None:
    assert [fault for definition in SAGAS.values() for fault in faults(definition)] == []
    assert faults(saga(SOUND, PIVOT)) == ()


FAULTS: list[tuple[SagaDefinition, str]] = [
    (saga(), "has no steps"),
    (saga(SOUND, name="Trial"), "is no name of a saga"),
    (saga(replace(SOUND, name="first step")), "is no name of a step"),
    (saga(SOUND, SOUND), "unreachable: another step has this name"),
    (saga(SOUND, give_up=replace(SOUND, undo=None)), "unreachable: another step has this name"),
    (saga(replace(SOUND, only_with="nothing_like_it")), "unreachable: no start brings 'nothing_like_it'"),
    (saga(replace(SOUND, awaits=Outcomes()), PIVOT), "unreachable: a step before it can never be completed"),
    (saga(replace(SOUND, awaits=Outcomes())), "can never be completed: it sends nothing that is answered"),
    (saga(replace(SOUND, sends=(), awaits=Signals("undone"))), "can never be completed"),
    (saga(replace(SOUND, undo=None)), "has no undo although its messages may take effect"),
    (saga(replace(SOUND, undo=NothingToUndo(" "))), "does not say why there is nothing to undo"),
    (saga(SOUND, forward_only=True), "its undo is unreachable"),
    (saga(PIVOT, SOUND), "its undo is unreachable"),
    (saga(SOUND, undoes=False), "its undo is unreachable"),
    (saga(SOUND, PIVOT, replace(PIVOT, name="other")), "has more than one pivot"),
    (saga(PIVOT, forward_only=True), "has more than one pivot"),
    (saga(replace(SOUND, timeout=None)), "has no timeout"),
    (saga(replace(SOUND, awaits=Until("not_before"))), "awaits a time and has a timeout"),
    (saga(replace(SOUND, timeout=timedelta())), "its timeout is not positive"),
    (saga(replace(SOUND, retry=Retry(factor=0))), "its retries do not grow"),
    (saga(replace(SOUND, retry=Retry(retries=-1))), "its retries do not grow"),
    (
        saga(sending(Send("ask", "identity.commands.do_magic"))),
        "'identity.commands.do_magic' is no command to a neighbour",
    ),
    (saga(sending(Send("ask", "person.commands.fly"))), "'person.commands.fly' is no command"),
    (saga(sending(Send("ask", "person.commands.policy.record_inactivity"))), "is not for sagas"),
    (saga(sending(Send("ask", "identity.commands.link_person", {"wish": "x"}))), "has no 'wish'"),
    (saga(sending(Send("ask", "identity.commands.link_person"))), "needs 'identity_id'"),
    (saga(sending(Send("ask", "person.commands.onboarding.fail"))), "needs 'reason'"),
    (
        saga(sending(Send("ask", "identity.commands.unlink_person", {"identity_id": "=secret"}))),
        "'=secret' leads nowhere",
    ),
    (saga(replace(SOUND, sends=(ASK, ASK))), "two messages are called 'ask'"),
    (saga(replace(SOUND, awaits=PersonEvent("person.flew"))), "awaits 'person.flew', which is no event"),
    (saga(replace(SOUND, awaits=PersonEvent("person.identity_linked", {"wings": 2}))), "has no 'wings'"),
    (saga(replace(SOUND, awaits=Signals("person_sung"))), "awaits identity.person_sung, which is no signal"),
    (saga(replace(SOUND, ok_codes=frozenset({"fine"}))), "'fine' is no refusal code"),
    (saga(replace(SOUND, wait_codes=frozenset({"soon"}))), "'soon' is no refusal code"),
    (saga(replace(SOUND, undo=replace(UNDO, ok_codes=frozenset({"fine"})))), "undo: 'fine' is no refusal code"),
    (saga(replace(SOUND, undo=replace(UNDO, awaits=Outcomes()))), "undo: can never be completed"),
    (saga(replace(SOUND, undo=replace(UNDO, timeout=timedelta()))), "undo: its timeout is not positive"),
    (saga(replace(SOUND, undo=replace(UNDO, then=PIVOT.sends))), "what follows an undo goes to other domains only"),
    (saga(SOUND, starts_on=OnboardingStarted), "needs key and start_data"),
    (saga(SOUND, key=onboarding.business_key), "needs key and start_data"),
    (saga(SOUND, settle=onboarding.settle), "settle and settled_by belong together"),
    (saga(replace(SOUND, undo=None), undoes=False, give_up=PIVOT), "gives up although nothing is undone"),
]


@pytest.mark.parametrize(("definition", "rule"), FAULTS, ids=[rule for _, rule in FAULTS])
def test_a_fault_is_found(definition: SagaDefinition, rule: str) -> None:
    assert any(rule in fault for fault in faults(definition)), faults(definition)


def test_a_faulty_definition_stops_the_import_and_names_saga_step_and_rule() -> None:
    with pytest.raises(UnsoundDefinitionError) as error:
        require_sound([archival.DEFINITION, saga(replace(SOUND, timeout=None))])
    assert str(error.value) == "trial.first: has no timeout"


def test_every_command_to_a_neighbour_has_the_data_that_its_verb_wants() -> None:
    worlds = [World(), merged(ADA, GRACE), World()]
    worlds[0].create(onboarding=True)
    worlds[2].create()
    worlds[2].neighbours = lambda command: "silent" if command.endswith("start_employment") else "answer"
    worlds[2].start_saga("cross_domain_sync", SYNC, "k-1")
    worlds[2].start_saga("archival", {"cause": "Archived"})
    for world in worlds:
        world.settle(timers=True)
        world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 0}, max(world.persons))
        world.settle(timers=True)
    sent = [orjson.loads(raw) for world in worlds for raw in world.sent.values()]
    foreign = [document for document in sent if document["type"] in OUTBOUND]
    for document in foreign:
        OUTBOUND[document["type"]].model.admit(document["data"])
        assert document["subject"] == document["data"]["person_id"]
    of_sagas = {verb for verb in OUTBOUND if not verb.endswith("analyze_contributions")}
    assert {document["type"] for document in foreign} == of_sagas


def test_steps_that_people_do_are_not_tried_again() -> None:
    assert [step.by_people for step in onboarding.DEFINITION.steps] == [True, True, True, True, False]
    assert not any(step.by_people for step in cross_domain_sync.DEFINITION.steps)
