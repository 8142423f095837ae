"""What a saga reacts to. Each input has an id, so one that comes again changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from domain.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaInput:
    """What all inputs have.

    `now` is the time of the message, which saga events and commands take over. `reacted_at` is the clock of who reacts; deadlines are counted from
    it, so that a saga that is late leaves others the time that they are to have. `depth` is that of the message.
    """

    id: str
    now: datetime
    correlationid: str
    causationid: str
    depth: int
    actor: str
    traceparent: str | None = None
    reacted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEventInput(SagaInput):
    """An event of the person of the saga."""

    event: Event

    @classmethod
    def of(cls, event: Event, *, reacted_at: datetime | None = None) -> "PersonEventInput":
        """The input that an event is."""
        return cls(
            id=event.id,
            now=event.time,
            correlationid=event.correlationid,
            causationid=event.causationid,
            depth=event.causationdepth,
            actor=event.actor,
            traceparent=event.traceparent,
            reacted_at=reacted_at,
            event=event,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StartInput(SagaInput):
    """StartSaga: `saga` and `key` as the command says, `data` as JSON."""

    saga: str
    business_key: str
    data: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeInput(SagaInput):
    """The outcome of a command that a saga sent."""

    command_id: str
    status: Literal["accepted", "refused", "failed"]
    code: str | None = None
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalInput(SagaInput):
    """A signal ``<domain>.<word>`` from a neighbouring domain."""

    signal: str
    data: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerInput(SagaInput):
    """A timer that became due. It counts only if it is the one that the saga has set last."""

    step: str
    round: int
    attempt: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelInput(SagaInput):
    """CancelSaga."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryInput(SagaInput):
    """RetrySaga."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipInput(SagaInput):
    """SkipSagaStep."""

    step: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortInput(SagaInput):
    """AbortSaga."""

    reason: str


OperatorInput = CancelInput | RetryInput | SkipInput | AbortInput
"""Inputs that may be refused."""
