"""What is kept decoded is bounded by what it holds, not by how many persons it is."""

from __future__ import annotations

import uuid
from typing import Any

from domain.person import Person
from tables.persons import PersonRow
from tables.recent_persons import RecentPersons


def row(components: int = 0, person_id: str | None = None) -> PersonRow:
    """A person with so many components; what they are does not matter here."""
    held: dict[str, Any] = {str(number): object() for number in range(components)}
    person = Person.new(person_id or str(uuid.uuid4()))
    return PersonRow(person.model_copy(update={"components": held}), 1)


def kept(recent: RecentPersons, rows: list[PersonRow]) -> list[bool]:
    return [recent.get(0, one.person.person_id) is not None for one in rows]


def test_the_least_recently_used_person_goes_first() -> None:
    recent, rows = RecentPersons(2), [row(), row(), row()]
    recent.put(0, rows[0])
    recent.put(0, rows[1])
    recent.get(0, rows[0].person.person_id)

    recent.put(0, rows[2])

    assert kept(recent, rows) == [True, False, True]


def test_a_person_with_many_components_takes_the_place_of_many_persons() -> None:
    recent, rows = RecentPersons(10), [row() for _ in range(10)]
    for one in rows:
        recent.put(0, one)

    recent.put(0, row(components=6))

    assert kept(recent, rows) == [False] * 7 + [True] * 3


def test_a_row_in_place_of_another_counts_once() -> None:
    recent, other = RecentPersons(5), row()
    person_id = str(uuid.uuid4())
    recent.put(0, other)
    for components in (3, 0, 3):
        recent.put(0, row(components, person_id))

    assert kept(recent, [other, row(3, person_id)]) == [True, True]


def test_a_partition_is_forgotten_without_the_others() -> None:
    recent, here, there = RecentPersons(5), row(1), row(1)
    recent.put(0, here)
    recent.put(1, there)

    recent.forget(0)
    recent.put(1, row(2))

    assert recent.get(0, here.person.person_id) is None
    assert recent.get(1, there.person.person_id) is there


def test_with_a_limit_of_zero_nothing_is_kept() -> None:
    recent, one = RecentPersons(0), row()
    recent.put(0, one)

    assert kept(recent, [one]) == [False]
