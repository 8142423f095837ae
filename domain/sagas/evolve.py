"""Folds saga events into the state of a saga: total, without validation, and without a look at any definition."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from domain.sagas.event_data import (
    CompensationStarted,
    Direction,
    Origin,
    SagaCompensated,
    SagaCompleted,
    SagaEventData,
    SagaFailed,
    SagaPaused,
    SagaResumed,
    SagaRetried,
    SagaStarted,
    StepAdvanced,
    StepCompensated,
    StepCompleted,
    StepFailed,
    StepSkipped,
    StepStarted,
)
from domain.sagas.saga_events import SagaEvent
from domain.sagas.state import REMEMBERED, DoneStep, Failure, Saga, Timer

Changes = dict[str, Any]

UNREADABLE_START: Final = "unreadable_start"
"""Error of a saga whose first event cannot be read: it is parked, and stays visible."""


def evolve(saga: Saga | None, event: SagaEvent) -> Saga:
    """The state behind an event. An event that the state knows already changes nothing; what is out of place counts and changes no more."""
    if saga is None:
        saga = Saga.model_construct(saga_id=event.saga_id, saga=event.saga, person_id=event.person_id)
        if not isinstance(event.data, SagaStarted):
            saga = saga.model_copy(update={"status": "Failed", "error": UNREADABLE_START})
    if event.sequence <= saga.version:
        return saga
    changes = _CHANGES.get(type(event.data), _nothing)(saga, event, event.data)
    changes.update(version=event.sequence, updated_at=event.time, recent=_remember(saga.recent, event.causationid))
    return saga.model_copy(update=changes)


def fold(events: Iterable[SagaEvent], saga: Saga | None = None) -> Saga | None:
    """The state behind events in order; None if there are none."""
    for event in events:
        saga = evolve(saga, event)
    return saga


def _remember(recent: tuple[str, ...], input_id: str) -> tuple[str, ...]:
    return recent if input_id in recent else (*recent, input_id)[-REMEMBERED:]


def _nothing(_: Saga, __: SagaEvent, ___: Any) -> Changes:
    return {}


def _started(saga: Saga, event: SagaEvent, data: SagaStarted) -> Changes:
    if saga.version:
        return {}
    return {
        "business_key": data.business_key,
        "steps": data.steps,
        "data": data.data,
        "depth": data.depth,
        "correlationid": event.correlationid,
        "started_by": event.causationid,
        "started_at": event.time,
        "past_pivot": data.past_pivot,
    }


def _step_started(saga: Saga, event: SagaEvent, data: StepStarted) -> Changes:
    is_same = _is_at(saga, data.step, data.direction) and saga.round == data.round
    numbers = (one.i + 1 for one in data.sends)
    return {
        "step": data.step,
        "direction": data.direction,
        "round": data.round,
        "attempt": data.attempt,
        "phase": "waiting",
        "timer": _timer(event, data.deadline),
        "origin": data.origin or _origin(event),
        "sends": data.sends,
        "next_send": max((saga.next_send if is_same else 0, *numbers)),
        "awaiting": data.awaits,
        "received": saga.received if _is_at(saga, data.step, data.direction) else (),
    }


def _timer(event: SagaEvent, at: datetime | None) -> Timer | None:
    if at is None:
        return None
    return Timer.model_construct(
        at=at, sequence=event.sequence, correlationid=event.correlationid, traceparent=event.traceparent
    )


def _origin(event: SagaEvent) -> Origin:
    return Origin.model_construct(
        id=event.id, time=event.time, correlationid=event.correlationid, traceparent=event.traceparent
    )


def _step_advanced(saga: Saga, _: SagaEvent, data: StepAdvanced) -> Changes:
    if not _is_at(saga, data.step, data.direction):
        return {}
    gone = {one.answer for one in data.received}
    return {
        "awaiting": (*(one for one in saga.awaiting if one not in gone), *data.awaits),
        "received": (*saga.received, *data.received),
        "sends": (*saga.sends, *data.sends),
        "next_send": max((saga.next_send, *(one.i + 1 for one in data.sends))),
        "past_pivot": saga.past_pivot or data.past_pivot,
    }


def _step_completed(saga: Saga, _: SagaEvent, data: StepCompleted) -> Changes:
    changes = {**_AT_REST, "past_pivot": saga.past_pivot or data.past_pivot}
    if saga.step == data.step:
        changes["received"] = (*saga.received, *data.received)
    if saga.direction == "give_up" and saga.step == data.step:
        return {**changes, "gave_up": True}
    done = DoneStep.model_construct(step=data.step, undoable=data.undoable, result=data.result)
    return {**changes, **_at_least_at(saga, data.step), "done": _with(saga, done)}


def _at_least_at(saga: Saga, step: str) -> Changes:
    """A step that is done without being started is where the saga stands too."""
    return {} if saga.step == step else {"step": step, "direction": "forward", "attempt": 0, "received": ()}


def _with(saga: Saga, done: DoneStep) -> tuple[DoneStep, ...]:
    return saga.done if saga.is_done(done.step) else (*saga.done, done)


def _step_failed(saga: Saga, event: SagaEvent, data: StepFailed) -> Changes:
    if data.will_retry:
        timer = _timer(event, data.retry_at)
        changes: Changes = {"phase": "held" if timer is None else "retrying", "timer": timer}
        if not data.renew:
            changes["attempt"] = data.attempt + 1
        else:
            changes.update(sends=(), awaiting=(), origin=None)
        return changes
    changes = {**_AT_REST, "step": data.step, "direction": data.direction}
    if data.goes_on:
        return {**changes, "unreached": (*saga.unreached, data.step)}
    if data.direction == "forward":
        changes["failure"] = Failure.model_construct(
            step=data.step, cause=data.cause, code=data.code, undoable=data.undoable
        )
    return changes


def _compensation_started(_: Saga, __: SagaEvent, data: CompensationStarted) -> Changes:
    return {**_AT_REST, "status": "Compensating", "to_undo": data.to_undo}


def _step_compensated(saga: Saga, _: SagaEvent, data: StepCompensated) -> Changes:
    return {**_AT_REST, "to_undo": tuple(one for one in saga.to_undo if one != data.step)}


def _retried(saga: Saga, _: SagaEvent, data: SagaRetried) -> Changes:
    changes: Changes = {**_AT_REST, "round": data.round, "attempt": 0, "error": None, "unreached": ()}
    if saga.to_undo:
        return {**changes, "status": "Compensating"}
    if saga.direction == "forward":
        changes["failure"] = None
    return {**changes, "status": "Running"}


def _skipped(saga: Saga, _: SagaEvent, data: StepSkipped) -> Changes:
    changes: Changes = {**_AT_REST, "past_pivot": saga.past_pivot or data.past_pivot}
    if data.direction == "undo":
        to_undo = tuple(one for one in saga.to_undo if one != data.step)
        return {**changes, "status": "Compensating", "error": None, "to_undo": to_undo}
    unreached = tuple(one for one in saga.unreached if one != data.step)
    if not unreached:
        changes.update(status="Running", error=None)
    if data.direction == "give_up":
        return {**changes, "gave_up": True}
    done = DoneStep.model_construct(step=data.step, undoable=data.undoable, result={})
    return {**changes, "failure": None, "unreached": unreached, "done": _with(saga, done)}


def _paused(saga: Saga, _: SagaEvent, __: SagaPaused) -> Changes:
    return {"paused": True, "timer": None, "phase": "idle" if saga.phase == "idle" else "held"}


def _resumed(_: Saga, __: SagaEvent, ___: SagaResumed) -> Changes:
    return {"paused": False}


def _completed(_: Saga, __: SagaEvent, data: SagaCompleted) -> Changes:
    return {**_AT_REST, "status": "Completed", "paused": False, "abandoned": data.abandoned, "error": None}


def _compensated(_: Saga, __: SagaEvent, data: SagaCompensated) -> Changes:
    return {**_AT_REST, "status": "Compensated", "paused": False, "abandoned": data.abandoned, "to_undo": ()}


def _failed(saga: Saga, _: SagaEvent, data: SagaFailed) -> Changes:
    return {
        **_AT_REST,
        "status": "Failed",
        "paused": False,
        "error": data.error,
        "abandoned": data.abandoned,
        "unreached": data.unreached or saga.unreached,
    }


_AT_REST: Final[Changes] = {"phase": "idle", "timer": None, "sends": (), "awaiting": (), "origin": None, "next_send": 0}


def _is_at(saga: Saga, step: str, direction: Direction) -> bool:
    return saga.step == step and saga.direction == direction


_CHANGES: Final[Mapping[type[SagaEventData], Callable[[Saga, SagaEvent, Any], Changes]]] = {
    SagaStarted: _started,
    StepStarted: _step_started,
    StepAdvanced: _step_advanced,
    StepCompleted: _step_completed,
    StepFailed: _step_failed,
    CompensationStarted: _compensation_started,
    StepCompensated: _step_compensated,
    SagaRetried: _retried,
    StepSkipped: _skipped,
    SagaPaused: _paused,
    SagaResumed: _resumed,
    SagaCompleted: _completed,
    SagaCompensated: _compensated,
    SagaFailed: _failed,
}
