"""What follows from saga events: messages and timers. The same event always has the same effects, byte by byte.

Guarantee: ids and bytes depend on the saga event and on what `started` said alone, so effects may be brought about any number of times."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from domain.canonical import encode
from domain.envelope import CONTENT_TYPE, SPEC_VERSION
from domain.ids import derive
from domain.sagas.catalogue import SAGAS
from domain.sagas.definition import SagaDefinition, Send, Undo, fill, look_up
from domain.sagas.event_data import (
    Direction,
    Origin,
    SagaCompensated,
    SagaCompleted,
    SagaFailed,
    SagaPaused,
    Sent,
    StepAdvanced,
    StepCompensated,
    StepCompleted,
    StepFailed,
    StepSkipped,
    StepStarted,
)
from domain.sagas.saga_events import SAGA_SOURCE, SagaEvent
from domain.sagas.state import Saga
from domain.sagas.timers import TimerBody, write_timer


class SendCommand(NamedTuple):
    """A command for PERSON_COMMANDS. `subject` is its type, `person_id` whom it is for."""

    id: str
    subject: str
    raw: bytes
    person_id: str


class SendForeign(NamedTuple):
    """A command for PERSON_OUTBOUND. `subject` is ``<domain>.commands.<verb>``."""

    id: str
    subject: str
    raw: bytes
    person_id: str


class SetTimer(NamedTuple):
    """The timer of a saga, in place of the one before."""

    saga_id: str
    person_id: str
    at: datetime
    raw: bytes


class CancelTimer(NamedTuple):
    """The saga has no timer any more. Of several timer effects of one saga in a row, only the last matters."""

    saga_id: str
    person_id: str


Effect = SendCommand | SendForeign | SetTimer | CancelTimer


def effects(saga: Saga, event: SagaEvent) -> tuple[Effect, ...]:
    """The effects of a saga event, in order. `saga` is any state of its saga. Raises KeyError for a step that no definition has."""
    return tuple(_effects(saga, event))


def pending(saga: Saga) -> tuple[Effect, ...]:
    """What the saga has asked for and nobody has answered, and its timer: the to-do list of a running saga.

    The bytes are those that `effects` gave.
    """
    if saga.is_ended or saga.paused or saga.step is None:
        return ()
    asked: list[Effect] = []
    if saga.phase == "waiting" and saga.origin is not None:
        open_sends = [one for one in saga.sends if one.answer is None or one.answer in saga.awaiting]
        asked.extend(_messages(saga, saga.origin, saga.step, saga.direction, saga.round, open_sends))
    if saga.timer is not None:
        body = TimerBody(saga.saga_id, saga.person_id, saga.step, saga.round, saga.attempt, saga.timer.sequence)
        asked.append(SetTimer(saga.saga_id, saga.person_id, saga.timer.at, write_timer(body)))
    return tuple(asked)


def command_id_of(saga_id: str, step: str, direction: Direction, round_: int, i: int) -> str:
    """Id of a command of a saga. A retry repeats it, another round does not."""
    return derive(saga_id, f"{step}/{'undo' if direction == 'undo' else 'do'}/{round_}/{i}")


def _effects(saga: Saga, event: SagaEvent) -> Iterator[Effect]:
    data = event.data
    match data:
        case StepStarted():
            origin = data.origin or origin_of(event)
            yield from _messages(saga, origin, data.step, data.direction, data.round, data.sends)
            yield _timer(saga, event, data.step, data.round, data.attempt, data.deadline)
        case StepAdvanced():
            yield from _messages(
                saga, data.origin or origin_of(event), data.step, data.direction, data.round, data.sends
            )
        case StepFailed(will_retry=True):
            attempt = data.attempt if data.renew else data.attempt + 1
            yield _timer(saga, event, data.step, data.round, attempt, data.retry_at)
        case StepCompensated():
            yield from _messages(saga, origin_of(event), data.step, "undo", data.round, data.sends)
            yield CancelTimer(saga.saga_id, saga.person_id)
        case (
            StepCompleted()
            | StepFailed()
            | StepSkipped()
            | SagaPaused()
            | SagaCompleted()
            | SagaCompensated()
            | SagaFailed()
        ):
            yield CancelTimer(saga.saga_id, saga.person_id)


def origin_of(event: SagaEvent) -> Origin:
    """The origin that an event is."""
    return Origin.model_construct(
        id=event.id, time=event.time, correlationid=event.correlationid, traceparent=event.traceparent
    )


def _timer(
    saga: Saga, event: SagaEvent, step: str, round_: int, attempt: int, at: datetime | None
) -> SetTimer | CancelTimer:
    if at is None:
        return CancelTimer(saga.saga_id, saga.person_id)
    body = TimerBody(saga.saga_id, saga.person_id, step, round_, attempt, event.sequence)
    return SetTimer(saga.saga_id, saga.person_id, at, write_timer(body))


def _messages(
    saga: Saga, origin: Origin, step: str, direction: Direction, round_: int, sends: Iterable[Sent]
) -> Iterator[SendCommand | SendForeign]:
    if not sends:
        return
    known = {one.name: one for one in sends_of(SAGAS[saga.saga], step, direction)}
    for sent in sends:
        send = known[sent.send]
        message_id = command_id_of(saga.saga_id, step, direction, round_, sent.i)
        concerned = str(look_up(send.subject, saga, sent))
        own = _foreign_data(saga, step, concerned) if send.is_foreign else {"context": _context(saga, step)}
        data = {**fill(send.data, saga, sent), **own}
        raw = _message(saga, origin, send, message_id, concerned, data)
        yield (SendForeign if send.is_foreign else SendCommand)(message_id, send.type, raw, concerned)


def sends_of(definition: SagaDefinition, name: str, direction: Direction) -> tuple[Send, ...]:
    """Everything that a step may send in a direction."""
    step = definition.step(name)
    if direction != "undo":
        return step.sends
    return (*step.undo.sends, *step.undo.then) if isinstance(step.undo, Undo) else ()


def _context(saga: Saga, step: str) -> dict[str, JsonValue]:
    return {"saga_id": saga.saga_id, "saga_step": step, "x_saga_person_id": saga.person_id}


def _foreign_data(saga: Saga, step: str, concerned: str) -> dict[str, JsonValue]:
    own: dict[str, JsonValue] = {"saga_id": saga.saga_id, "saga_step": step, "person_id": concerned}
    if concerned != saga.person_id:
        own["saga_person_id"] = saga.person_id
    return own


def _message(
    saga: Saga, origin: Origin, send: Send, message_id: str, subject: str, data: dict[str, JsonValue]
) -> bytes:
    return encode(
        {
            "specversion": SPEC_VERSION,
            "id": message_id,
            "type": send.type,
            "dataversion": 1,
            "source": SAGA_SOURCE,
            "subject": subject,
            "time": origin.time,
            "datacontenttype": CONTENT_TYPE,
            "correlationid": origin.correlationid,
            "causationid": origin.id,
            "causationdepth": saga.depth + 1,
            "actor": f"saga:{saga.saga}",
            "traceparent": origin.traceparent,
            "data": data,
        }
    )
