"""What sagas tell in a conversation: their events, the commands that follow from them, and the signals that bring the outcomes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from agents.saga_signals import SIGNAL, signal_id
from domain.refusals import REFUSAL_CODES
from domain.sagas.effects import Effect, SendCommand, SendForeign, effects
from domain.sagas.event_data import StepAdvanced, StepFailed, StepStarted
from domain.sagas.saga_events import SagaEvent
from domain.sagas.state import Saga
from domain.times import format_instant
from domain.views.conversation import Message


def saga_messages(saga: Saga, history: Sequence[SagaEvent], correlation_id: str) -> Iterator[Message]:
    """The messages of one saga that belong to a correlation.

    The id of a signal of a failure cannot be made again: it is known by the step that failed, if that had sent one command.
    """
    told = [event for event in history if event.correlationid == correlation_id]
    commands: list[str] = []
    for event in told:
        yield Message(
            event.id,
            "saga",
            event.type,
            event.causationid,
            event.causationdepth,
            format_instant(event.time),
            event.person_id,
        )
        for effect in _effects(saga, event):
            if isinstance(effect, SendCommand | SendForeign):
                commands.append(effect.id)
                yield _sent(effect)
    causes = {event.causationid: event for event in told}
    answers = {answer: command_id for answer, command_id in _answers(commands) if answer in causes}
    for answer, command_id in {**_failures(saga, history), **answers}.items():
        if answer in causes:
            event = causes[answer]
            at = format_instant(event.time)
            yield Message(answer, "command", SIGNAL, command_id, event.causationdepth, at, event.person_id)


def _failures(saga: Saga, history: Sequence[SagaEvent]) -> dict[str, str]:
    """Signals of commands that failed, each with its command: the one that the step under way had sent."""
    found: dict[str, str] = {}
    under_way: list[str] = []
    for event in history:
        match event.data:
            case StepStarted():
                under_way = [one.id for one in _effects(saga, event) if isinstance(one, SendCommand)]
            case StepAdvanced():
                under_way += [one.id for one in _effects(saga, event) if isinstance(one, SendCommand)]
            case StepFailed(cause="failed") if len(under_way) == 1:
                found[event.causationid] = under_way[0]
    return found


def _effects(saga: Saga, event: SagaEvent) -> Sequence[Effect]:
    try:
        return effects(saga, event)
    except LookupError:
        # A step of a definition that this release does not have any more.
        return ()


def _sent(effect: SendCommand | SendForeign) -> Message:
    body: dict[str, Any] = orjson.loads(effect.raw)
    return Message(
        effect.id,
        "command",
        effect.subject,
        body["causationid"],
        body["causationdepth"],
        body["time"],
        effect.person_id,
    )


def _answers(commands: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Ids of the signals that tell of a final outcome, each with its command."""
    for command_id in commands:
        yield signal_id(command_id, "accepted"), command_id
        for code in REFUSAL_CODES:
            yield signal_id(command_id, "refused", code), command_id
