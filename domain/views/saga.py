"""A saga as an operator sees it: the row of lists, the whole of one saga, and its history (domain.md 16.9)."""

from datetime import datetime
from typing import Any

from domain.canonical import plain_members
from domain.sagas.saga_events import SagaEvent
from domain.sagas.state import Saga
from domain.times import format_instant
from domain.views.portrait import Row


def saga_row(saga: Saga) -> Row:
    """What lists tell of a saga: ids, codes, words and times. What it has not got is null."""
    failure = saga.failure
    return {
        "saga_id": saga.saga_id,
        "saga": saga.saga,
        "person_id": saga.person_id,
        "status": saga.status,
        "parked": saga.is_parked,
        "abandoned": saga.abandoned,
        "paused": saga.paused,
        "step": saga.step,
        "direction": saga.direction,
        "attempt": saga.attempt,
        "round": saga.round,
        "deadline": _text(None if saga.is_ended else saga.deadline),
        "started_at": _text(saga.started_at),
        "updated_at": _text(saga.updated_at),
        "error": saga.error,
        "failure": None if failure is None else {"step": failure.step, "cause": failure.cause, "code": failure.code},
        "version": saga.version,
    }


def saga_detail(saga: Saga) -> Row:
    """Everything that helps to judge one saga: the row, what it is about, what is done, and what it waits for."""
    return {
        **saga_row(saga),
        "business_key": saga.business_key,
        "correlation_id": saga.correlationid,
        "started_by": saga.started_by,
        "depth": saga.depth,
        "data": dict(saga.data),
        "steps": list(saga.steps),
        "done": [one.step for one in saga.done],
        "awaiting": [] if saga.is_ended else list(saga.awaiting),
        "to_undo": list(saga.to_undo),
        "unreached": list(saga.unreached),
        "past_pivot": saga.past_pivot,
    }


def history_entry(event: SagaEvent) -> Row:
    """One saga event of the history, as it is stored, without its envelope."""
    data: dict[str, Any] = dict(plain_members(event.data))
    return {
        "sequence": event.sequence,
        "event": event.spec.name,
        "at": format_instant(event.time),
        "actor": event.actor,
        "causation_id": event.causationid,
        "id": event.id,
        "data": data,
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)
