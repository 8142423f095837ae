"""What queries on sagas, policies and conversations answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from domain.envelope import MAX_DEPTH
from domain.ids import Uuid
from domain.policies.document import Effect, PolicyDocument
from domain.policies.document import Status as RuleStatus
from domain.policies.rule_event_data import RecordedVerdict
from domain.sagas.event_data import Direction, FailureCause
from domain.sagas.state import SagaStatus
from domain.times import Instant
from ops.contracts.rows import LEFT_OUT


class Message(BaseModel):
    """A message of a conversation with all that followed from it."""

    id: Uuid
    kind: Literal["command", "event", "saga"]
    type: str
    causation: str
    depth: int = Field(ge=0, description=f"At most {MAX_DEPTH}, or the message is told as a fault.")
    time: Instant
    person_id: Uuid
    effects: list[Message]


class SagaFailure(BaseModel):
    """Why a step of a saga did not get on."""

    step: str
    cause: FailureCause
    code: str | None


class SagaRow(BaseModel):
    """Where a saga stands. One that is parked has failed and waits for an operator, an abandoned one does nothing any more."""

    saga_id: Uuid
    saga: str
    person_id: Uuid
    status: SagaStatus
    parked: bool
    abandoned: bool
    paused: bool
    step: str | None
    direction: Direction
    attempt: int
    round: int
    deadline: Instant | None
    started_at: Instant | None
    updated_at: Instant | None
    error: str | None
    failure: SagaFailure | None
    version: int


class SagaHistoryEntry(BaseModel):
    """A saga event, without its envelope. One that cannot be read has its place in the stream and says why."""

    sequence: int = LEFT_OUT
    event: str = LEFT_OUT
    at: Instant = LEFT_OUT
    actor: str = LEFT_OUT
    causation_id: Uuid = LEFT_OUT
    id: Uuid = LEFT_OUT
    data: dict[str, JsonValue] = LEFT_OUT
    unreadable: str = LEFT_OUT
    stream_sequence: int


class SagaDetail(SagaRow):
    """One saga: what it is about, what is done, what it waits for, and everything that happened to it."""

    business_key: str
    correlation_id: Uuid
    started_by: Uuid
    depth: int
    data: dict[str, JsonValue]
    steps: list[str]
    done: list[str]
    awaiting: list[str]
    to_undo: list[str]
    unreached: list[str]
    past_pivot: bool
    stream_sequence: int
    history: list[SagaHistoryEntry]
    history_left_out: int


class Decision(BaseModel):
    """What a policy has decided about one event."""

    event_id: Uuid
    verdict: RecordedVerdict
    at: Instant
    command_id: Uuid = LEFT_OUT
    fault: str = LEFT_OUT


class Rule(BaseModel):
    """One version of a policy, and what it has decided. `unusable` says why a version that should be asked cannot be."""

    policy_id: str
    version: int
    title: str
    status: RuleStatus
    effect: Effect
    trigger: str
    protected: bool
    unusable: str | None
    document: PolicyDocument
    counters: dict[str, int]
    decisions: list[Decision] = LEFT_OUT


class Fault(BaseModel):
    """What is wrong with a message of a conversation."""

    id: Uuid
    fault: Literal["missing_cause", "cycle", "too_deep"]


class Conversation(BaseModel):
    """All messages of one correlation, as trees of causes."""

    messages: list[Message]
    faults: list[Fault]
