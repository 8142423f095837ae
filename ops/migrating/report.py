"""What a migration found, did and checked, for people and as data. Names persons by id and events by position, never by content."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SHOWN = 20
"""Positions, persons and differences that the text names of each kind; the data has all."""

FATES = ("current", "raised", "renamed", "split", "dropped", "refused")
"""What becomes of a stored event: as it is, a newer version, another type, several events, none, or it cannot be migrated."""


@dataclass
class Refused:
    """An event that cannot be migrated, or a person whose target differs (then without a position)."""

    cause: str
    reason: str
    person_id: str | None
    position: int | None


@dataclass
class Report:
    """Counts of one run. `types` counts fates per stored type and version, `written` the events of today per type."""

    source: str
    dry_run: bool
    events: int = 0
    persons: int = 0
    duplicates: int = 0
    types: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    written: Counter[str] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)
    persons_refused: int = 0
    appended: int = 0
    present: int = 0
    compared: int | None = None
    differences: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing was refused and nothing differs."""
        return not self.refused and not self.differences

    def as_data(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {**vars(self), "refused": [vars(one) for one in self.refused]}

    def faults(self) -> list[str]:
        """What keeps the report from being good, in a line for each kind."""
        refused = f"{len(self.refused)} events or persons were refused"
        differ = f"{len(self.differences)} persons differ"
        return [refused] * bool(self.refused) + [differ] * bool(self.differences)

    def as_text(self) -> str:
        """The report for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.source}: {self.events} events of {self.persons} persons, {self.duplicates} of them came again"
        yield f"{'type and version':<44}{''.join(f'{fate:>9}' for fate in FATES)}"
        for name, fates in sorted(self.types.items()):
            yield f"{name:<44}{''.join(f'{fates[fate]:>9}' for fate in FATES)}"
        yield f"{'becomes':<44}{'events':>9}"
        for name, count in sorted(self.written.items()):
            yield f"{name:<44}{count:>9}"
        if self.refused:
            yield f"{len(self.refused)} refused, {self.persons_refused} persons are left out:"
            yield from self._refusals()
        if self.compared is None:
            yield "nothing was written"
            return
        rate = self.appended / self.seconds["copy"] if self.seconds.get("copy") else 0.0
        yield f"{self.appended} events appended ({rate:,.0f}/s), {self.present} were there already"
        yield f"{self.compared} persons compared with the source: {len(self.differences)} differ"
        yield from (f"  {line}" for line in self.differences[:SHOWN])

    def _refusals(self) -> Iterator[str]:
        kinds: defaultdict[str, list[str]] = defaultdict(list)
        for one in self.refused:
            where = f"person {one.person_id}" if one.position is None else str(one.position)
            kinds[f"{one.cause}: {one.reason}"].append(where)
        for kind, places in sorted(kinds.items()):
            more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
            yield f"  {kind}: at {', '.join(places[:SHOWN])}{more}"
