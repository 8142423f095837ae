"""Exact values as terms of a full-text index, so that filters and words are found by the same intersection.

A fact is one term that no word of a text can be: it begins with a private character, and characters that end a term are replaced."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from domain.views.search_tokens import search_fold

Kind = Literal[
    "component", "email", "employer", "level", "location", "organization", "phone", "place", "skill", "start", "tag"
]

_MARKS: dict[Kind, str] = {
    "component": "c",
    "email": "e",
    "employer": "w",
    "level": "v",
    "location": "l",
    "organization": "o",
    "phone": "p",
    "place": "a",
    "skill": "s",
    "start": "n",
    "tag": "t",
}
_FIRST = "\ue000"
# The tokenizer `ascii` ends a term at every other character below 128.
_INNER = {code: 0xE100 + code for code in range(128) if not chr(code).isalnum()}


@lru_cache(maxsize=20_000)
def fact(kind: Kind, value: str) -> str:
    """The term of a value."""
    return f"{_FIRST}{_MARKS[kind]}{value.translate(_INNER)}"


@lru_cache(maxsize=20_000)
def name_starts(name: str) -> tuple[str, ...]:
    """The terms of a name, from the beginning of each of its words on."""
    folded = search_fold(name)
    starts = [0, *(i + 1 for i, character in enumerate(folded) if character == " ")]
    return tuple(fact("start", folded[start:]) for start in starts if folded[start : start + 1].strip())


def quoted(term: str, *, prefix: bool = False) -> str:
    """A term within a query of FTS5. Neither words nor facts hold quotation marks."""
    return f'"{term}"*' if prefix else f'"{term}"'


def all_of(expressions: Iterable[str]) -> str:
    """What all expressions match."""
    return " AND ".join(f"({one})" for one in expressions)


def any_of(terms: Iterable[str]) -> str:
    """What one of the terms matches."""
    return " OR ".join(quoted(term) for term in terms)
