"""The body of a saga's timer. It names the event that set it, so an old timer that arrives late is told from the one that counts."""

from datetime import datetime
from typing import NamedTuple

from domain.canonical import encode
from domain.ids import derive, is_person_id, is_uuid
from domain.sagas.inputs import TimerInput
from domain.stored_form import stored_object
from domain.undecodable import Undecodable


class TimerBody(NamedTuple):
    """Which saga, which try of which step, and the sequence of the event that set the timer."""

    saga_id: str
    person_id: str
    step: str
    round: int
    attempt: int
    sequence: int


def write_timer(body: TimerBody) -> bytes:
    """Canonical JSON of a timer."""
    return encode(body._asdict())


def read_timer(raw: bytes) -> TimerBody:
    """Inverse of `write_timer`; members it does not know are passed over. Raises Undecodable."""
    document = stored_object(raw)
    if not is_uuid(document.get("saga_id")):
        raise Undecodable("undecodable", "saga_id: uuid")
    if not is_person_id(document.get("person_id")):
        raise Undecodable("undecodable", "person_id: uuid")
    if not isinstance(document.get("step"), str):
        raise Undecodable("undecodable", "step: text")
    for name in ("round", "attempt", "sequence"):
        if type(document.get(name)) is not int:
            raise Undecodable("undecodable", f"{name}: integer")
    return TimerBody(*(document[name] for name in TimerBody._fields))


def timer_input(body: TimerBody, *, now: datetime, reacted_at: datetime | None = None) -> TimerInput:
    """The input that a due timer is. `now` is when it became due. Its cause and correlation are those of the event that set it."""
    return TimerInput(
        id=derive(body.saga_id, f"timer/{body.sequence}"),
        now=now,
        correlationid="",
        causationid="",
        depth=0,
        actor="",
        reacted_at=reacted_at,
        step=body.step,
        round=body.round,
        attempt=body.attempt,
        sequence=body.sequence,
    )
