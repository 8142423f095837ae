"""The frame of a reply: an answer with its positions and its page, a message of a stream, and why there is no answer."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, Field, JsonValue

from domain.ids import Uuid
from ops.contracts.rows import LEFT_OUT, Position

T = TypeVar("T")


class Applied(Position):
    """How far a partition was applied. A position without a stream is one of PERSON_EVENTS."""

    stream: Literal["PERSON_SAGAS"] = LEFT_OUT


class Page(BaseModel):
    """Which part of a list an answer is; `next` is the cursor of the part behind it, if there is one."""

    limit: int
    next: str = LEFT_OUT


class Success(BaseModel, Generic[T]):
    """An answer, and how far each partition that gave a part of it was applied."""

    ok: Literal[True]
    data: T
    position: list[Applied]
    page: Page = LEFT_OUT
    redirected_from: Uuid | list[Uuid] = LEFT_OUT
    partial: Literal[True] = LEFT_OUT
    silent_partitions: list[int] = LEFT_OUT


class Items(BaseModel, Generic[T]):
    """One message of a streamed answer, numbered from 0. A message without bytes follows the last."""

    ok: Literal[True]
    items: list[T]
    n: int = Field(ge=0)


class Error(BaseModel):
    """Why there is no answer: a code for machines, a reason for people, facts that name fields and rules."""

    code: str
    reason: str
    facts: dict[str, JsonValue] = LEFT_OUT


class Failure(BaseModel):
    """A question without an answer."""

    ok: Literal[False]
    error: Error
