"""What an importer hands over: planned people, and what was left out and why.

A plan is a pure function of its source: reading the same source twice gives equal plans with equal ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ImportSourceError(Exception):
    """The source as a whole cannot be read; the text is one line for the person who asked."""


@dataclass(frozen=True)
class PlannedCommand:
    """One command to send; `type` is its subject."""

    type: str
    command_id: str
    person_id: str
    data: dict[str, Any]


@dataclass(frozen=True)
class PlannedPerson:
    """The commands that make the person, in the order in which they must be sent; the first one creates it."""

    source_ref: str
    commands: tuple[PlannedCommand, ...]
    line: int | None = None
    """Where the source is read line by line: the line, from 1."""
    active: bool | None = None
    """Whether the person takes part; None when the source does not say."""
    is_authority: bool = False
    """Whether the source also changes what is held already. Otherwise it only adds."""


@dataclass(frozen=True)
class Rejected:
    """A person, or a part of a person planned just before, that was left out; holds no personal data.

    `reason` is ``<field>: <rule>``.
    """

    source_ref: str
    reason: str
    line: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        where = f"{self.source_ref}, column {self.column}" if self.column else self.source_ref
        return f"{where}: {self.reason}"

    def as_record(self) -> dict[str, Any]:
        """The line of the file of rejects."""
        field, _, rule = self.reason.partition(": ")
        place = {"source": self.source_ref, "line": self.line, "column": self.column}
        return {**{key: value for key, value in place.items() if value is not None}, "field": field, "rule": rule}
