"""The state of one saga: a fold over its events, and the compact form in which it is kept."""

from typing import Final, Literal

import orjson
from pydantic import Field, JsonValue

from domain.model import Frozen
from domain.sagas.event_data import Direction, FailureCause, Origin, Receipt, Sent
from domain.state_json import dump
from domain.times import Instant

SagaStatus = Literal["Running", "Compensating", "Completed", "Compensated", "Failed"]
Phase = Literal["idle", "waiting", "retrying", "held"]
"""Nothing is under way; a step waits for answers; it waits to be tried again; it is to be started again once the saga may send."""

ENDED: Final = frozenset({"Completed", "Compensated", "Failed"})
REMEMBERED: Final = 64


class DoneStep(Frozen):
    """A step that is done, and whether it would have to be undone."""

    step: str
    undoable: bool = False
    result: dict[str, JsonValue] = Field(default_factory=dict)


class Failure(Frozen):
    """Why the saga does not get on."""

    step: str
    cause: FailureCause
    code: str | None = None
    undoable: bool = False
    """Whether what it sent may have taken effect."""


class Timer(Frozen):
    """The one timer of a saga: when it is due, and which event set it, of which correlation and trace."""

    at: Instant
    sequence: int
    correlationid: str = ""
    traceparent: str | None = None


class Saga(Frozen):
    """One saga. `step`, `direction`, `attempt` and `round` stay readable after the end."""

    saga_id: str
    saga: str
    person_id: str
    business_key: str = ""
    version: int = 0
    """Number of its events."""
    status: SagaStatus = "Running"
    steps: tuple[str, ...] = ()
    data: dict[str, JsonValue] = Field(default_factory=dict)
    depth: int = 0
    """Causation depth of the message that started it; its commands have one more."""
    correlationid: str = ""
    started_by: str = ""
    """Id of the message that started it."""
    started_at: Instant | None = None
    updated_at: Instant | None = None
    round: int = 1
    step: str | None = None
    direction: Direction = "forward"
    attempt: int = 0
    phase: Phase = "idle"
    timer: Timer | None = None
    origin: Origin | None = None
    sends: tuple[Sent, ...] = ()
    next_send: int = 0
    awaiting: tuple[str, ...] = ()
    received: tuple[Receipt, ...] = ()
    """Answers to the step under way, in all its rounds."""
    done: tuple[DoneStep, ...] = ()
    gave_up: bool = False
    to_undo: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    failure: Failure | None = None
    past_pivot: bool = False
    paused: bool = False
    abandoned: bool = False
    error: str | None = None
    recent: tuple[str, ...] = ()
    """Ids of the last inputs that changed it."""

    @property
    def is_ended(self) -> bool:
        """Whether inputs change nothing any more; only RetrySaga and SkipSagaStep lead on from Failed."""
        return self.status in ENDED

    @property
    def is_parked(self) -> bool:
        """Whether it waits for an operator."""
        return self.status == "Failed" and not self.abandoned

    @property
    def deadline(self) -> Instant | None:
        """When its timer is due."""
        return self.timer.at if self.timer is not None else None

    def is_done(self, step: str) -> bool:
        """Whether a step is done."""
        return any(one.step == step for one in self.done)

    def result_of(self, step: str) -> dict[str, JsonValue]:
        """The ids that a step has brought, empty before it is done."""
        return next((one.result for one in self.done if one.step == step), {})


def dump_saga(saga: Saga) -> bytes:
    """Compact JSON of a state. What is empty, zero or absent is left out."""
    return dump({name: member for name, member in saga.__dict__.items() if member})


def load_saga(raw: bytes) -> Saga:
    """Inverse of `dump_saga`."""
    return Saga.restore(orjson.loads(raw))
