"""The rows of one person in every read model, folded from its events one by one, without lanes and tables.

Guarantee: it shares the renderers with the agents and nothing else; when a row was due, and from which event it is, is found anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from domain.event_data.policy import SkillsAnalyzed
from domain.events import Event
from domain.evolve import apply
from domain.person import Person
from domain.views import component_views, network, search, skills, summary
from domain.views.changed_by import ChangedBy, changes
from domain.views.portrait import Row
from domain.views.skills import Recommended, recommended_by, render_skills
from domain.views.statistics import DayStatistics, change_of, day_of
from domain.views.timeline import timeline_entry

CHANGED_BY: Final[Mapping[str, ChangedBy]] = {
    **{model.name: model.changed_by for model in (summary.MODEL, search.MODEL, network.MODEL, component_views.MODEL)},
    skills.NAME: skills.CHANGED_BY,
}
"""What changes the models that have one row per person."""


@dataclass
class PersonModels:
    """One person as its events tell it."""

    person: Person
    partition: int
    days: dict[str, DayStatistics] = field(default_factory=dict)
    """What the person adds to the statistics of each day."""
    _entries: list[tuple[Event, int, int]] = field(default_factory=list)
    _changed: dict[str, tuple[int, int]] = field(default_factory=dict)
    _recommended: Recommended = field(default_factory=list)

    def apply(self, event: Event, stream_sequence: int) -> None:
        """Fold the next event."""
        before, self.person = self.person, apply(self.person, event)
        for part, current in enumerate(event.parts):
            self._entries.append((current, part, stream_sequence))
            if isinstance(current.data, SkillsAnalyzed):
                self._recommended = recommended_by(current.data)
        for name, changed_by in CHANGED_BY.items():
            if changes(changed_by, event.data):
                self._changed[name] = (event.sequence, stream_sequence)
        self.days.setdefault(day_of(event), DayStatistics()).add(change_of(before, event, self.person))

    def row(self, model: str) -> dict[str, Any] | None:
        """The row of a model with one row per person, as it is read; None when there is none."""
        if model not in self._changed:
            return None
        row: Any = (
            render_skills(self.person, self._recommended) if model == skills.NAME else _RENDER[model](self.person)
        )
        if row is None:
            return None
        sequence, stream_sequence = self._changed[model]
        shown: dict[str, Any] = _as_json({**row, "sequence": sequence, "position": self._position(stream_sequence)})
        return shown

    def entries(self) -> list[dict[str, Any]]:
        """The timeline, as it is read."""
        erased = self.person.is_erased
        return [
            _as_json({**timeline_entry(event, part, erased=erased), "position": self._position(stream_sequence)})
            for event, part, stream_sequence in self._entries
        ]

    def _position(self, stream_sequence: int) -> dict[str, int]:
        return {"partition": self.partition, "stream_sequence": stream_sequence}


def statistics_of(persons: Iterable[PersonModels]) -> dict[tuple[int, str], Row]:
    """The counts of each partition and day, as far as these persons add to them."""
    totals: defaultdict[tuple[int, str], DayStatistics] = defaultdict(DayStatistics)
    for one in persons:
        for day, counts in one.days.items():
            totals[one.partition, day].merge(counts)
    return {key: counts.row() for key, counts in totals.items()}


def _as_json(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


_RENDER: Final = {
    model.name: model.render for model in (summary.MODEL, search.MODEL, network.MODEL, component_views.MODEL)
}
