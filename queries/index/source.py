"""What a table of rows contributes to an index: its SQL tables, how a row is flattened, and the statements that store it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """One table that is indexed.

    A statement takes a batch as one JSON array (`?1`), so that SQLite works through it without Python. Each of its members begins with
    the number of the person within the index and the person id; for `put` the flattened row follows.
    """

    name: str
    schema: Sequence[str]
    """Statements before rows are loaded."""
    lookups: Sequence[str]
    """Statements after rows are loaded: an index over sorted rows is made faster than one that grows."""
    flat: Callable[[Row], Sequence[Any]]
    """What is indexed of a row."""
    remove: Sequence[str]
    put: Sequence[str]


NUMBERS = "(SELECT json_extract(value, '$[0]') FROM json_each(?1))"
PERSON_IDS = "(SELECT json_extract(value, '$[1]') FROM json_each(?1))"


def members(first: int, last: int) -> str:
    """Members of the batch as SQL columns."""
    return ", ".join(f"json_extract(value, '$[{number}]')" for number in range(first, last + 1))
