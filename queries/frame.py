"""The frame of every query (domain.md 17.1): request fields that all share, replies, and errors with codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.refusals import QUERY_ERROR_CODES

MAX_TIMEOUT_MS = 10_000
ITEMS_PER_MESSAGE = 100
END_OF_STREAM = b""
"""The message that ends a streamed answer."""


class QueryError(Exception):
    """A query that is answered with an error; `code` is one of domain.md 18.3."""

    def __init__(self, code: str, reason: str, **facts: Any) -> None:
        assert code in QUERY_ERROR_CODES, code
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.facts = facts


Stream = Literal["PERSON_EVENTS", "PERSON_SAGAS"]
"""A stream whose folds are read: the events of persons, or those of sagas."""


class Position(BaseModel):
    """A place in a stream: everything up to `stream_sequence` in `partition`. As an outcome tells it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: int = Field(ge=0)
    stream_sequence: int = Field(ge=0)
    stream: Stream = "PERSON_EVENTS"


class Query(BaseModel):
    """What every request may carry besides its own parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_position: Position | tuple[Position, ...] | None = None
    timeout_ms: int = Field(2000, ge=1, le=MAX_TIMEOUT_MS)
    stream: bool = False

    def wanted(self, partition: int, stream: Stream = "PERSON_EVENTS") -> int:
        """The sequence of a stream that must be applied in a partition before the answer, 0 for none."""
        positions: Sequence[Position]
        if self.min_position is None:
            positions = ()
        elif isinstance(self.min_position, Position):
            positions = (self.min_position,)
        else:
            positions = self.min_position
        found = (one.stream_sequence for one in positions if (one.partition, one.stream) == (partition, stream))
        return max(found, default=0)

    def frame(self) -> dict[str, Any]:
        """The shared fields, for a request that is made because of this one."""
        return {"min_position": self.min_position, "timeout_ms": self.timeout_ms}


@dataclass(frozen=True)
class Page:
    """Which part of a list an answer is; `next` is the cursor of the part behind it."""

    limit: int
    next: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a query is answered with: data that is ready for JSON, and how far each partition was applied."""

    data: Any
    positions: Sequence[Mapping[str, Any]] = ()
    page: Page | None = None
    redirected_from: str | Sequence[str] | None = None
    """The merged person, or persons, in whose place the answer has others."""
    silent: Sequence[int] = ()
    """Partitions that did not answer in time; the data is without them."""

    def encoded(self) -> bytes:
        """The reply."""
        body: dict[str, Any] = {"ok": True, "data": self.data, "position": list(self.positions)}
        if self.page is not None:
            body["page"] = {"limit": self.page.limit} | ({} if self.page.next is None else {"next": self.page.next})
        if self.redirected_from:
            body["redirected_from"] = self.redirected_from
        if self.silent:
            body |= {"partial": True, "silent_partitions": list(self.silent)}
        return orjson.dumps(body)


Q = TypeVar("Q", bound=Query)


def parse(model: type[Q], data: bytes) -> Q:
    """Read a request; raises QueryError invalid_query that names the field and the rule."""
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "request"
        rule = first["msg"].removeprefix("Value error, ")
        raise QueryError("invalid_query", f"{field}: {rule}", field=field, rule=first["type"]) from None


def answer(data: object, position: Sequence[Mapping[str, Any]]) -> bytes:
    """A successful reply."""
    return Answer(data, position).encoded()


def items(rows: Sequence[object], number: int) -> bytes:
    """The message `number`, from 0, of a streamed answer; END_OF_STREAM follows the last."""
    return orjson.dumps({"ok": True, "items": rows, "n": number})


def refusal(error: QueryError) -> bytes:
    """A reply that says why there is no answer."""
    body: dict[str, Any] = {"code": error.code, "reason": error.reason}
    if error.facts:
        body["facts"] = error.facts
    return orjson.dumps({"ok": False, "error": body})


def refused(body: Mapping[str, Any]) -> QueryError:
    """The error in a reply that `refusal` made."""
    return QueryError(body["code"], body["reason"], **body.get("facts", {}))


def covering(positions: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One position per partition, the lowest of those given, which are of one stream: the answer holds at least that much."""
    lowest: dict[int, Mapping[str, Any]] = {}
    for one in positions:
        known = lowest.setdefault(one["partition"], one)
        if one["stream_sequence"] < known["stream_sequence"]:
            lowest[one["partition"]] = one
    for _, one in sorted(lowest.items()):
        yield {**one}
