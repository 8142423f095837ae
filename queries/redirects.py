"""Merged persons in queries: whoever asks for one gets the person that it was merged into, through every further merge (domain.md 10)."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from domain.person import Person
from queries.endpoint import Ask, Read
from queries.frame import Query, QueryError
from queries.person_id import PersonId
from queries.tables_of_worker import WorkerTables

MAX_HOPS = 16
_MOVED_TO = "moved_to"


class OfPerson(Query):
    """A question about one person."""

    person_id: PersonId


P = TypeVar("P", bound=OfPerson)


class Followed(NamedTuple):
    """What the last person of a chain of merges answers, who that is, and the person that was asked for if it is another one."""

    data: Any
    person_id: str
    positions: list[dict[str, int]]
    redirected_from: str | None


async def follow(ask: Ask, read: Read[P], request: P) -> Followed:
    """Ask for a person and for whom it was merged into; the read answers `moved` for a merged one. Raises QueryError."""
    positions: list[dict[str, int]] = []
    current = request
    for _ in range(MAX_HOPS + 1):
        found = await ask.one(read, ask.partition_of(current.person_id), current)
        positions.append(found.position)
        target = found.data.get(_MOVED_TO) if isinstance(found.data, dict) else None
        if target is None:
            asked_for = request.person_id if current is not request else None
            return Followed(found.data, current.person_id, positions, asked_for)
        current = current.model_copy(update={"person_id": target})
    raise QueryError("not_found", f"the person was merged more than {MAX_HOPS} times", field="person_id")


def moved(person: Person) -> dict[str, Any] | None:
    """The answer of a read for a merged person, None for any other."""
    return None if person.merged_into is None else {_MOVED_TO: person.merged_into}


def present(tables: WorkerTables, partition: int, person_id: str) -> Person:
    """The state of a person that exists; raises QueryError not_found, or gone for an erased one."""
    return shown(tables.persons.read(partition, person_id).person)


def shown(person: Person) -> Person:
    """The same state, if anything of it may be answered; raises QueryError not_found, or gone."""
    if not person.exists:
        raise QueryError("not_found", "no such person", field="person_id")
    if person.is_erased:
        raise QueryError("gone", "the person was erased", field="person_id")
    return person
