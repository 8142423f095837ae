"""Table `outcomes`: command id to its outcome and content digest, in the partition of the command's person.

It makes an outcome final: a command that comes again is answered with the first outcome, one that reuses an id is told so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from lanes.table import LaneTable, TableView

NAME = "outcomes"


class OutcomeRow(NamedTuple):
    """The outcome message as it was sent, and the digest of the command's content."""

    digest: str
    message: bytes


class OutcomesTable:
    """Reads of recorded outcomes."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table

    def read(self, partition: int, command_id: str) -> dict[str, Any] | None:
        """The outcome message of a command decided in a partition."""
        value = self.table.get(partition, command_id.encode())
        return None if value is None else orjson.loads(value)["outcome"]

    def rows(self, partition: int, start: bytes) -> Iterator[tuple[bytes, int]]:
        """Key and time of decision (milliseconds since the epoch) of the committed rows from a key on, in key order."""
        for key, value in self.table.scan(partition, b"", start=start):
            if not key.startswith(b"__"):
                yield key, orjson.loads(value)["decided_ms"]


def find(view: TableView, command_id: str) -> OutcomeRow | None:
    """The recorded outcome of a command, staged or committed."""
    value = view.get(command_id.encode())
    if value is None:
        return None
    row = orjson.loads(value)
    return OutcomeRow(row["digest"], orjson.dumps(row["outcome"]))


def stage(view: TableView, command_id: str, row: OutcomeRow, decided_ms: int) -> None:
    """Stage the outcome of a command."""
    value = {"digest": row.digest, "decided_ms": decided_ms, "outcome": orjson.Fragment(row.message)}
    view.put(command_id.encode(), orjson.dumps(value))


def remove(view: TableView, key: bytes) -> None:
    """Stage the removal of a row."""
    view.delete(key)
