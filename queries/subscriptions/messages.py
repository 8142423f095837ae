"""What is sent to a subscriber, and what passes between the worker that serves it and the owners of partitions."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import Field

from queries.filters import Filters
from queries.frame import Query

Followed = Literal["summary", "search", "skills", "network", "views"]
"""The models whose changes can be followed."""
FOLLOWED: tuple[Followed, ...] = ("summary", "search", "skills", "network", "views")


class Change(NamedTuple):
    """The row of a person after a change, None when there is none or it does not match.

    `sequence` is the person's last event that the change rests on, `stream_sequence` where that lies. `is_own` is False when only what
    the filter looks at has changed.
    """

    person_id: str
    row: dict[str, Any] | None
    sequence: int
    stream_sequence: int
    is_own: bool = True


class Matching(Query):
    """Some of the rows that match now, behind a person id."""

    projection: Followed
    filter: Filters
    after: str = ""
    limit: int = 200


class ChangesSince(Query):
    """Changes behind a mark of the owner; behind a stream sequence when the mark is unknown there or not given."""

    projection: Followed
    filter: Filters
    stream_sequence: int = Field(ge=0)
    mark: str | None = None
    wait_ms: int = 0
    limit: int = 500
