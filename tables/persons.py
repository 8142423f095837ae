"""Table `persons`, the write side: person id to the folded state, with the stream position of the last applied event and the hash chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from domain.person import Person, dump_state, load_state
from domain.views.chain import Chain
from lanes.table import LaneTable, TableView
from tables.recent_persons import RecentPersons
from tables.row_size import fitting

NAME = "persons"

NO_CHAIN = Chain(0, b"")
"""Of a state that nobody stores: what has been decided and not folded yet."""


class PersonRow(NamedTuple):
    """A person, the stream sequence of its last applied event, 0 for a person without events, and the chain up to that event."""

    person: Person
    stream_sequence: int
    chain: Chain = NO_CHAIN

    @classmethod
    def new(cls, person_id: str) -> PersonRow:
        """The row before the first event."""
        return cls(Person.new(person_id), 0, Chain.of(person_id))


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
        row = PersonRow.new(person_id) if value is None else decode(value)
        self.remember(partition, row)
        return row

    def states(self, partition: int, *, after: str) -> Iterator[dict[str, Any]]:
        """The dumped states of a partition behind a person id, in the order of ids; they are not kept decoded."""
        for key, value in self.table.scan(partition, b"", start=f"{after}\0".encode()):
            if not key.startswith(b"__"):
                yield orjson.loads(value)["person"]

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
            "chain": {"length": row.chain.length, "head": row.chain.head.hex()},
            "person": orjson.Fragment(dump_state(row.person)),
        }
    )
    view.put(row.person.person_id.encode(), fitting(value, max_bytes))


def decode(value: bytes) -> PersonRow:
    """A stored row."""
    row = orjson.loads(value)
    chain = Chain(row["chain"]["length"], bytes.fromhex(row["chain"]["head"]))
    return PersonRow(load_state(orjson.dumps(row["person"])), row["position"]["stream_sequence"], chain)
