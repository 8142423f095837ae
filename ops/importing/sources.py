"""The kinds of sources, and how each is read into a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from ops.importing.csv_people import plan_csv
from ops.importing.git_history import plan_git
from ops.importing.plan import ImportSourceError, PlannedPerson, Rejected
from ops.importing.scim_users import plan_scim
from ops.importing.vcards import plan_vcards

Plan = Iterator[PlannedPerson | Rejected]


@dataclass(frozen=True)
class Reading:
    """What a source cannot say of itself."""

    mapping: Path | None = None
    """What the columns of a CSV file mean."""
    system: str = "scim"
    """The system that SCIM users come from; ids of two systems are never mixed up."""
    employed_since: date | None = None
    """The first day of an employment whose source names none."""


def plan_source(kind: str, path: Path, reading: Reading = Reading()) -> list[PlannedPerson | Rejected]:
    """The plan of a whole source. Raises ImportSourceError when it cannot be read."""
    return list(SOURCES[kind](path, reading))


def _csv(path: Path, reading: Reading) -> Plan:
    if reading.mapping is None:
        raise ImportSourceError("csv needs --mapping FILE, which says what the columns mean")
    return plan_csv(path, reading.mapping)


SOURCES: Final[Mapping[str, Callable[[Path, Reading], Plan]]] = {
    "git": lambda path, _: plan_git(path),
    "vcard": lambda path, reading: plan_vcards(path, reading.employed_since),
    "csv": _csv,
    "scim": lambda path, reading: plan_scim(path, reading.system, reading.employed_since),
}
