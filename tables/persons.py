"""Table `persons`, the write side: person id to the folded state, with the stream position of the last applied event."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from domain.person import Person, dump_state, load_state
from lanes.table import LaneTable, TableView
from tables.recent_persons import RecentPersons
from tables.row_size import fitting

NAME = "persons"


class PersonRow(NamedTuple):
    """A person and the stream sequence of its last applied event, 0 for a person without events."""

    person: Person
    stream_sequence: int


class PersonsTable:
    """Reads decode once: persons that were used lately are kept decoded."""

    def __init__(self, table: LaneTable, cached: int) -> None:
        self.table = table
        self._recent = RecentPersons(cached)

    def read(self, partition: int, person_id: str) -> PersonRow:
        """The committed row; a person that is not there is new."""
        row = self._recent.get(partition, person_id)
        if row is not None:
            return row
        value = self.table.get(partition, person_id.encode())
        row = PersonRow(Person.new(person_id), 0) if value is None else decode(value)
        self.remember(partition, row)
        return row

    def remember(self, partition: int, row: PersonRow) -> None:
        """Keep a committed row decoded."""
        self._recent.put(partition, row)

    def forget(self, partition: int) -> None:
        """Drop decoded rows of a partition."""
        self._recent.forget(partition)


def stage(view: TableView, row: PersonRow, max_bytes: int) -> None:
    """Stage a person in a lane cycle; raises RowTooLargeError above `max_bytes`."""
    value = orjson.dumps(
        {
            "sequence": row.person.version,
            "position": {"partition": view.partition, "stream_sequence": row.stream_sequence},
            "person": orjson.Fragment(dump_state(row.person)),
        }
    )
    view.put(row.person.person_id.encode(), fitting(value, max_bytes))


def decode(value: bytes) -> PersonRow:
    """A stored row."""
    row = orjson.loads(value)
    return PersonRow(load_state(orjson.dumps(row["person"])), row["position"]["stream_sequence"])
