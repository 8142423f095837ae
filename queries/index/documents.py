"""The search documents of a partition in SQLite: words by field and exact values as terms of FTS5, what is compared in narrow columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from domain.views.search_tokens import FIELDS, search_fold, tokens
from queries.index.facts import Kind, fact, name_starts
from queries.index.levels import IDENTITY_LEVELS
from queries.index.source import NUMBERS, Row, Source, members

REPEATED = frozenset({"employer", "role", "skill", "tag"})
"""Fields whose texts many persons share: their tokens are found once."""

UNIQUE_FACTS: Sequence[tuple[Kind, str]] = (("email", "emails"), ("phone", "phones"))
REPEATED_FACTS: Sequence[tuple[Kind, str]] = (
    ("place", "locations"),
    ("employer", "employers"),
    ("tag", "tags"),
    ("organization", "organization_ids"),
    ("location", "location_ids"),
    ("component", "component_types"),
)
FOLDED_FACTS = frozenset({"employer", "tag"})


def flat(row: Row) -> Sequence[Any]:
    """A search document (domain.md 16.3)."""
    created = row["created_at"]
    return (
        row["status"],
        IDENTITY_LEVELS.index(row["identity_level"]),
        None if created is None else microseconds(datetime.fromisoformat(created)),
        row.get("onboarding_state"),
        _shown(row),
        " ".join(_facts(row)),
        *(_words(name, row[field.member]) for name, field in FIELDS.items()),
    )


def microseconds(at: datetime) -> int:
    """An instant as a number that orders as instants do."""
    return round(at.timestamp() * 1_000_000)


def _shown(row: Row) -> dict[str, Any]:
    shown = {"display_name": row["display_name"]}
    for name, member in (("email", "emails"), ("employer", "employers"), ("role", "roles")):
        if row[member]:
            shown[name] = row[member][0]
    return shown


def _words(field: str, texts: Sequence[str]) -> str:
    if not texts:
        return ""
    return " ".join(map(_repeated_words if field in REPEATED else _words_of, texts))


def _words_of(text: str) -> str:
    return " ".join(tokens(text))


_repeated_words = lru_cache(maxsize=50_000)(_words_of)


def _facts(row: Row) -> Iterator[str]:
    for name in row["names"]:
        yield from name_starts(name)
    for kind, member in UNIQUE_FACTS:
        for value in row[member]:
            yield fact(kind, value)
    for kind, member in REPEATED_FACTS:
        for value in row[member]:
            yield _repeated_facts(kind, value)


@lru_cache(maxsize=50_000)
def _repeated_facts(kind: Kind, value: str) -> str:
    if kind == "place":
        return " ".join(fact(kind, token) for token in tokens(value))
    return fact(kind, search_fold(value) if kind in FOLDED_FACTS else value)


DOCUMENTS = Source(
    name="search",
    schema=(
        # Narrow rows: a broad search looks at very many of them.
        "CREATE TABLE documents (doc INTEGER PRIMARY KEY, status TEXT NOT NULL, person_id TEXT NOT NULL,"
        " identity_level INTEGER NOT NULL, created INTEGER, onboarding_state TEXT)",
        "CREATE TABLE shown (doc INTEGER PRIMARY KEY, hit TEXT NOT NULL)",
        "CREATE VIRTUAL TABLE facts USING fts5(terms, tokenize='ascii', detail='none', columnsize=0)",
        f"CREATE VIRTUAL TABLE words USING fts5({', '.join(FIELDS)},"
        " tokenize='ascii', detail='column', columnsize=0, prefix='2 3')",
        "CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row')",
    ),
    lookups=(),
    flat=flat,
    remove=tuple(
        f"DELETE FROM {table} WHERE {key} IN {NUMBERS}"
        for table, key in (("documents", "doc"), ("shown", "doc"), ("facts", "rowid"), ("words", "rowid"))
    ),
    put=(
        "INSERT INTO documents (doc, person_id, status, identity_level, created, onboarding_state)"
        f" SELECT {members(0, 5)} FROM json_each(?1)",
        f"INSERT INTO shown SELECT {members(0, 0)}, {members(6, 6)} FROM json_each(?1)",
        f"INSERT INTO facts (rowid, terms) SELECT {members(0, 0)}, {members(7, 7)} FROM json_each(?1)",
        f"INSERT INTO words (rowid, {', '.join(FIELDS)})"
        f" SELECT {members(0, 0)}, {members(8, 7 + len(FIELDS))} FROM json_each(?1)",
    ),
)
