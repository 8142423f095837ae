"""The signal that tells a saga of a failure has an id that nobody can make again; a conversation knows it by the step that failed."""

from __future__ import annotations

import orjson

from agents.saga_signals import SIGNAL
from domain.sagas.effects import SendCommand, effects
from domain.sagas.event_data import StepFailed
from domain.views.conversation import conversation
from queries.saga_conversation import saga_messages
from tests.domain.sagas.world import merged
from tests.domain.specification import ADA, GRACE


def test_a_failure_is_led_back_to_the_command_of_its_step() -> None:
    answers = iter(["fail"])
    world = merged(ADA, GRACE)
    world.edge = lambda _: next(answers, "decide")
    world.settle(timers=True)
    [saga_id] = world.sagas
    history, saga = world.log[saga_id], world.sagas[saga_id]
    failures = [event for event in history if isinstance(event.data, StepFailed) and event.data.cause == "failed"]
    assert failures, [event.type for event in history]

    correlation = failures[0].correlationid
    messages = list(saga_messages(saga, history, correlation))
    commands = {one.id for event in history for one in effects(saga, event) if isinstance(one, SendCommand)}

    told = {one.id: one for one in messages if one.type == SIGNAL}
    assert told[failures[0].causationid].causation in commands
    faults = [fault["id"] for fault in orjson.loads(orjson.dumps(conversation(messages)["faults"]))]
    assert failures[0].id not in faults
