"""The statuses of a person, and which command may be decided in which of them.

The matrix is keyed on status and kind of command only, never on what a command carries.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal


class Status(StrEnum):
    """Status of a person. A person that does not exist yet is Draft too."""

    DRAFT = "Draft"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"
    ARCHIVED = "Archived"
    DECEASED = "Deceased"
    MERGED_INTO = "MergedInto"


Column = Literal["New", "Draft", "Active", "Suspended", "Archived", "Deceased", "MergedInto"]
COLUMNS: Final[tuple[Column, ...]] = (
    "New",
    "Draft",
    "Active",
    "Suspended",
    "Archived",
    "Deceased",
    "MergedInto",
)
TERMINAL: Final = frozenset({Status.ARCHIVED, Status.DECEASED, Status.MERGED_INTO})
OK: Final = "ok"


def _row(*cells: str) -> Mapping[Column, str]:
    return dict(zip(COLUMNS, cells, strict=True))


_CREATE = _row(OK, *["person_exists"] * 6)
_WRITE = _row("person_not_found", "not_active", OK, "not_active", "terminal", "terminal", "merged_away")

MATRIX: Final[Mapping[str, Mapping[Column, str]]] = {
    "CreatePerson": _CREATE,
    "UpdatePerson": _WRITE,
    "AddComponent": _WRITE,
    "UpdateComponent": _WRITE,
    "RemoveComponent": _WRITE,
    "SuspendPerson": _row(
        "person_not_found", "invalid_transition", OK, "invalid_transition", "terminal", "terminal", "merged_away"
    ),
    "ReactivatePerson": _row(
        "person_not_found", "invalid_transition", "invalid_transition", OK, "terminal", "terminal", "merged_away"
    ),
    "ArchivePerson": _row("person_not_found", OK, OK, OK, "terminal", "terminal", "merged_away"),
    "RecordDeath": _row("person_not_found", "invalid_transition", OK, OK, "terminal", "terminal", "merged_away"),
}
"""Command name and column to ``ok`` (goes on to the guards) or a refusal code."""
