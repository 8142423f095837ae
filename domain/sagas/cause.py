"""What all events of one reaction have in common: the message that led to them, its time, and the clock that deadlines are counted from."""

from datetime import datetime
from typing import NamedTuple

from domain.ids import derive
from domain.sagas.inputs import SagaInput, TimerInput
from domain.sagas.state import Saga


class Cause(NamedTuple):
    """The cause of saga events."""

    id: str
    correlationid: str
    actor: str
    time: datetime
    clock: datetime
    """When somebody reacts, never before `time`."""
    traceparent: str | None


def cause_of(saga: Saga, given: SagaInput) -> Cause:
    """The cause that an input is; of a timer it is the event that set it."""
    if not isinstance(given, TimerInput):
        clock = _later(given.reacted_at, given.now)
        return Cause(given.id, given.correlationid, given.actor, given.now, clock, given.traceparent)
    timer = saga.timer
    # A schedule may be a moment early; a deadline has then been reached all the same.
    time = given.now if timer is None else max(given.now, timer.at)
    correlationid = saga.correlationid if timer is None else timer.correlationid
    cause_id = derive(saga.saga_id, str(given.sequence))
    traceparent = None if timer is None else timer.traceparent
    return Cause(cause_id, correlationid, f"saga:{saga.saga}", time, _later(given.reacted_at, time), traceparent)


def _later(reacted_at: datetime | None, time: datetime) -> datetime:
    return time if reacted_at is None else max(reacted_at, time)
