"""Persons that were used lately, kept decoded. Bounded by what they hold: a person counts as one, and so does each of its components."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tables.persons import PersonRow


class RecentPersons:
    """The most recently used rows by partition and person id; the least recently used ones go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._rows: OrderedDict[tuple[int, str], PersonRow] = OrderedDict()

    def get(self, partition: int, person_id: str) -> PersonRow | None:
        """A row that is still there."""
        key = (partition, person_id)
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
        return row

    def put(self, partition: int, row: PersonRow) -> None:
        """Keep a row in place of the one before."""
        self.drop(partition, row.person.person_id)
        self._rows[partition, row.person.person_id] = row
        self._size += _size(row)
        while self._size > self._limit:
            self._size -= _size(self._rows.popitem(last=False)[1])

    def drop(self, partition: int, person_id: str) -> None:
        """Forget one person."""
        row = self._rows.pop((partition, person_id), None)
        if row is not None:
            self._size -= _size(row)

    def forget(self, partition: int) -> None:
        """Forget all persons of a partition."""
        for _, person_id in [key for key in self._rows if key[0] == partition]:
            self.drop(partition, person_id)


def _size(row: PersonRow) -> int:
    return 1 + len(row.person.components)
