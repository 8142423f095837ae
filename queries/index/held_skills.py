"""The skills of a partition in SQLite: each skill that a person holds, and which persons hold a skill at which level or above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from domain.values.rules import fold
from queries.index.facts import fact
from queries.index.levels import PROFICIENCIES
from queries.index.source import NUMBERS, Row, Source, members

Held = tuple[str, str, int, Any]


def flat(row: Row) -> Sequence[Any]:
    """The own row of a person (domain.md 16.4)."""
    held = [
        (_folded(skill["name"]), skill["category"], PROFICIENCIES.index(skill["proficiency"]), skill)
        for skill in row["skills"]
    ]
    return (row["status"], row.get("display_name"), " ".join(_facts(held)), held)


def skill_fact(skill: str, level: int) -> str:
    """The term of those who hold a skill (its folded name) at a level or above."""
    return fact("skill", f"{level} {skill}")


def level_fact(level: int) -> str:
    """The term of those who hold any skill at a level or above."""
    return fact("level", str(level))


def _facts(held: Sequence[Held]) -> Iterator[str]:
    for skill, _, highest, _ in held:
        yield _levels_of(skill, highest)
    for level in range(max((one[2] for one in held), default=-1) + 1):
        yield level_fact(level)


@lru_cache(maxsize=20_000)
def _levels_of(skill: str, highest: int) -> str:
    return " ".join(skill_fact(skill, level) for level in range(highest + 1))


_folded = lru_cache(maxsize=20_000)(fold)


HELD_SKILLS = Source(
    name="skills",
    schema=(
        "CREATE TABLE skilled (doc INTEGER PRIMARY KEY, status TEXT NOT NULL, person_id TEXT NOT NULL, display_name TEXT)",
        "CREATE TABLE held (doc INTEGER NOT NULL, skill TEXT NOT NULL, category TEXT NOT NULL, level INTEGER NOT NULL,"
        " body TEXT NOT NULL, PRIMARY KEY (doc, skill)) WITHOUT ROWID",
        "CREATE VIRTUAL TABLE skill_facts USING fts5(terms, tokenize='ascii', detail='none', columnsize=0)",
    ),
    lookups=(),
    flat=flat,
    remove=tuple(
        f"DELETE FROM {table} WHERE {key} IN {NUMBERS}"
        for table, key in (("skilled", "doc"), ("held", "doc"), ("skill_facts", "rowid"))
    ),
    put=(
        f"INSERT INTO skilled (doc, person_id, status, display_name) SELECT {members(0, 3)} FROM json_each(?1)",
        f"INSERT INTO skill_facts (rowid, terms) SELECT {members(0, 0)}, {members(4, 4)} FROM json_each(?1)",
        "INSERT OR REPLACE INTO held SELECT json_extract(rows.value, '$[0]'), json_extract(one.value, '$[0]'),"
        " json_extract(one.value, '$[1]'), json_extract(one.value, '$[2]'), json_extract(one.value, '$[3]')"
        " FROM json_each(?1) AS rows, json_each(rows.value, '$[5]') AS one",
    ),
)
