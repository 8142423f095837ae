"""What a verification found: where, of whom, which field; values only when somebody asked to see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

KEPT = 10_000
"""Findings that a run remembers; what lies beyond is counted."""


class Finding(NamedTuple):
    """One difference. `whom` is a person, a saga, a day or a key of the table, `field` what differs there."""

    check: str
    partition: int
    table: str
    whom: str
    field: str
    what: str
    expected: Any = None
    found: Any = None
    heal: Mapping[str, Any] | None = None
    """What would mend it, as a request to the owner of the partition; None when nothing does."""

    @property
    def identity(self) -> tuple[str, int, str, str, str]:
        """What makes two findings the same one."""
        return (self.check, self.partition, self.table, self.whom, self.field)

    def shown(self, *, values: bool) -> dict[str, Any]:
        """The finding for people and machines; without `values` nothing of a row is told."""
        told: dict[str, Any] = {
            name: getattr(self, name) for name in ("check", "partition", "table", "whom", "field", "what")
        }
        if values:
            told |= {"expected": self.expected, "found": self.found}
        return told

    def line(self, *, values: bool) -> str:
        """One line."""
        text = f"{self.check}  partition {self.partition}  {self.table}  {self.whom}  {self.field}: {self.what}"
        return f"{text}  expected {_text(self.expected)}  found {_text(self.found)}" if values else text


@dataclass
class Tally:
    """What a run looked at, what it left out, and what it found."""

    persons: int = 0
    events: int = 0
    rows: int = 0
    sagas: int = 0
    records: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """What was not compared, by reason."""
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    """Findings beyond those that are kept."""

    def add(self, found: Sequence[Finding]) -> None:
        """Keep findings, as many as fit."""
        room = KEPT - len(self.findings)
        self.findings += found[:room]
        self.more += max(0, len(found) - room)

    def merge(self, other: Tally) -> None:
        """Count what another part of the run did."""
        for name in ("persons", "events", "rows", "sagas", "records", "more"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.left_out.update(other.left_out)
        self.add(other.findings)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings and not self.more

    def dumped(self) -> dict[str, Any]:
        """For the checkpoint: counts and findings without values."""
        names = ("persons", "events", "rows", "sagas", "records", "more")
        return {
            **{name: getattr(self, name) for name in names},
            "left_out": dict(self.left_out),
            "findings": [{**one.shown(values=False), "heal": one.heal} for one in self.findings],
        }

    @classmethod
    def restored(cls, dumped: Mapping[str, Any]) -> Tally:
        """The inverse of `dumped`."""
        known = {name: dumped[name] for name in ("persons", "events", "rows", "sagas", "records", "more")}
        findings = [Finding(**one) for one in dumped["findings"]]
        return cls(**known, left_out=Counter(dumped["left_out"]), findings=findings)


def _text(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()
