"""Exact values as terms of a full-text index, so that filters and words are found by the same intersection.

A fact is one term that no word of a text can be: it begins with a private character, and characters that end a term are replaced."""

from __future__ import annotations

from collections.abc import Iterable
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


def fact(kind: Kind, value: str) -> str:
    """The term of a value."""
    return f"{_FIRST}{_MARKS[kind]}{value.translate(_INNER)}"


def name_starts(name: str) -> tuple[str, ...]:
    """The terms of a name, from the beginning of each of its words on."""
    words = search_fold(name).split(" ")
    return tuple(fact("start", " ".join(words[first:])) for first, word in enumerate(words) if word)


def quoted(term: str, *, prefix: bool = False) -> str:
    """A term within a query of FTS5. Neither words nor facts hold quotation marks."""
    return f'"{term}"*' if prefix else f'"{term}"'


def all_of(expressions: Iterable[str]) -> str:
    """What all expressions match."""
    return " AND ".join(f"({one})" for one in expressions)


def any_of(terms: Iterable[str]) -> str:
    """What one of the terms matches."""
    return " OR ".join(quoted(term) for term in terms)
