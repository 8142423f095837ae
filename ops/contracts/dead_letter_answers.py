"""What the queries on dead letters answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from domain.ids import Uuid
from domain.times import Instant
from ops.contracts.rows import LEFT_OUT

Change = Literal["added", "changed", "removed"]


class OpenDeadLetter(BaseModel):
    """What waits for an operator: a person that is parked for an agent, a parked saga, or a message that was passed over. `letter` names it."""

    since: Instant
    letter: str
    kind: Literal["person", "saga", "message"]
    route: str
    agent: str
    person_id: Uuid | None
    saga_id: Uuid | None
    source: str
    stream_sequence: int | None
    cause: str
    reason: str
    attempts: int
    waiting: int = Field(ge=1)
    edited: bool


class DeadLetterCounts(BaseModel):
    """How many dead letters are open, how many messages wait with them, since when the oldest does, and how many there are by each word."""

    letters: int
    waiting: int
    oldest: Instant | None
    by_kind: dict[str, int]
    by_route: dict[str, int]
    by_agent: dict[str, int]
    by_cause: dict[str, int]
    by_age: dict[Literal["under_1h", "under_1d", "under_7d", "older"], int]


class WaitingEvent(BaseModel):
    """An event that waits: its envelope, why it cannot be read, and what is stored if that was asked for."""

    stream_sequence: int
    id: JsonValue
    type: JsonValue
    sequence: JsonValue
    error: str | None
    data: str = LEFT_OUT


class DeadLetterAct(BaseModel):
    """What somebody did to a dead letter, why and when. `digest` names an edited copy, which is in `data` if that was asked for."""

    act: Literal["edited", "redriven", "redrive_failed", "discarded", "healed"]
    number: int
    letter: str
    agent: str
    source: str
    sequence: str
    by: str
    why: str
    at: Instant
    result: dict[str, JsonValue]
    digest: str | None
    data: str | None


class DeadLetterDetail(BaseModel):
    """One dead letter: its row, the first events that wait, its data as text or base64 if they were asked for, the newest edited copy, all acts,
    and what to do next."""

    row: OpenDeadLetter
    events: list[WaitingEvent]
    data: str | None
    data_base64: str | None
    edited_copy: DeadLetterAct | None = Field(alias="copy")
    acts: list[DeadLetterAct]
    next: str


class EditedCopy(BaseModel):
    """A copy that is kept beside its letter: the number of the act that holds it, and its digest."""

    letter: str
    act: int
    digest: str


class ChangedField(BaseModel):
    """A field that would change, and the values if they were asked for."""

    field: str
    change: Change
    before: JsonValue = LEFT_OUT
    after: JsonValue = LEFT_OUT


class ChangedRow(BaseModel):
    """A row that would change."""

    agent: str
    table: str
    key: str
    change: Change
    fields: list[ChangedField]


class RowsPreview(BaseModel):
    """What a redrive of a parked person would change in the rows of each agent, and at which event it would fail again, if it would."""

    letter: str
    events: int
    left_out: int
    fails_at: int | None
    cause: str | None
    reason: str | None
    rows: list[ChangedRow]


class MessagePreview(BaseModel):
    """What a message would become: `becomes` is a type of command, or what its route makes of it; further members tell where and how."""

    model_config = {"extra": "allow"}

    letter: str
    becomes: str


class RedriveResult(BaseModel):
    """What came of a redrive or a discard. Without `done` the letter stays open, for `cause` and `reason`; `again` says that it was done before."""

    letter: str
    done: bool
    again: bool
    events: int
    cause: str | None
    reason: str | None
    outcome: dict[str, JsonValue] | None
    parked: dict[str, JsonValue] | None
