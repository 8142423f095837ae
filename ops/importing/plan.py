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
    """The commands of one person, in the order in which they must be sent."""

    source_ref: str
    commands: tuple[PlannedCommand, ...]


@dataclass(frozen=True)
class Rejected:
    """A person, or a part of a person planned just before, that was left out; holds no personal data."""

    source_ref: str
    reason: str
