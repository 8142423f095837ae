"""What an import did: counts, what was left out or refused, and the file that lists all of it. No personal data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from ops.importing.plan import ImportSourceError, PlannedCommand, PlannedPerson, Rejected

_SHOWN: Final = 20


@dataclass(frozen=True)
class RefusedCommand:
    """A command of the import that was not accepted."""

    source_ref: str
    line: int | None
    type: str
    code: str
    reason: str
    field: str | None

    @classmethod
    def of(cls, person: PlannedPerson, command: PlannedCommand, outcome: Mapping[str, Any]) -> RefusedCommand:
        """The refusal that an outcome tells."""
        facts = outcome.get("facts") or {}
        reason = outcome.get("reason", "")
        return cls(person.source_ref, person.line, command.type, outcome["code"], reason, facts.get("field"))

    def __str__(self) -> str:
        return f"{self.source_ref} {self.type}: {self.code}: {self.reason}"

    def as_record(self) -> dict[str, Any]:
        """The line of the file of rejects."""
        record = {
            "source": self.source_ref,
            "line": self.line,
            "command": self.type,
            "field": self.field,
            "rule": self.code,
        }
        return {key: value for key, value in record.items() if value is not None}


@dataclass
class ImportReport:
    """What an import did. `refused` are commands, `left_out` what the source could not give."""

    persons: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    commands: int = 0
    events: int = 0
    person_ids: list[str] = field(default_factory=list)
    refused: list[RefusedCommand] = field(default_factory=list)
    left_out: list[Rejected] = field(default_factory=list)
    dry_run: bool = False

    def as_data(self) -> dict[str, Any]:
        """The report as JSON data."""
        lists = {"refused": [str(one) for one in self.refused], "left_out": [str(one) for one in self.left_out]}
        return {**vars(self), **lists}

    def as_text(self) -> str:
        """The report for people; long lists are cut."""
        if self.dry_run:
            lines = [f"{self.persons} persons with {self.commands} commands would be sent"]
        else:
            lines = [
                f"{self.persons} persons: {self.created} created, {self.changed} changed, "
                f"{self.unchanged} were there already; {self.commands} commands, {self.events} events"
            ]
        return "\n".join([*lines, *_listed("refused", self.refused), *_listed("left out", self.left_out)])

    def write_rejects(self, path: Path) -> None:
        """Write one JSON object per line for everything that was left out or refused; an empty file when nothing was."""
        listed: list[Rejected | RefusedCommand] = [*self.left_out, *self.refused]
        _write(path, b"".join(orjson.dumps(one.as_record()) + b"\n" for one in listed))


def begin_rejects(path: Path) -> None:
    """Make the file of rejects, still empty: better now than after an import whose rejects find no place."""
    _write(path, b"")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ImportSourceError(f"{path}: {error.strerror}") from error


def _listed(title: str, entries: Iterable[object]) -> list[str]:
    found = [f"  {entry}" for entry in entries]
    if not found:
        return []
    more = [f"  and {len(found) - _SHOWN} more; --rejects FILE lists all"] if len(found) > _SHOWN else []
    return [f"{len(found)} {title}:", *found[:_SHOWN], *more]
