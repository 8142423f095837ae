"""Counts of one UTC day: events by type, and how many persons and components there are more or fewer (domain.md 16.8).

A total on a day is the sum of the days up to it, over all partitions. No count holds personal data, so an erasure takes none back:
it is counted as an event, and the components it removes stay counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from domain.event_catalogue import EVENTS
from domain.event_data.base import EventData
from domain.event_data.onboarding import OnboardingCompleted, OnboardingFailed, OnboardingStarted
from domain.event_data.privacy import PersonErased
from domain.events import Event
from domain.person import Person
from domain.views.changed_by import ChangedBy, every
from domain.views.portrait import Row

ONBOARDING: Final[Mapping[type[EventData], str]] = {
    OnboardingStarted: "started",
    OnboardingCompleted: "completed",
    OnboardingFailed: "failed",
}


class Change(NamedTuple):
    """What one stored event adds to the counts of its day. The maps hold differences."""

    parts: Sequence[Event]
    statuses: Mapping[str, int]
    components: Mapping[str, int]


@dataclass
class DayStatistics:
    """The accumulator of one day."""

    events_by_type: Counter[str] = field(default_factory=Counter)
    status_delta: Counter[str] = field(default_factory=Counter)
    components_delta: Counter[str] = field(default_factory=Counter)
    onboarding: Counter[str] = field(default_factory=Counter)

    def add(self, change: Change) -> None:
        """Count one event."""
        for part in change.parts:
            self.events_by_type[part.type] += 1
            milestone = ONBOARDING.get(type(part.data))
            if milestone is not None:
                self.onboarding[milestone] += 1
        for status, difference in change.statuses.items():
            self.status_delta[status] += difference
        for component_type, difference in change.components.items():
            self.components_delta[component_type] += difference

    def merge(self, other: DayStatistics) -> None:
        """Count what others have counted of the same day."""
        self.events_by_type.update(other.events_by_type)
        self.status_delta.update(other.status_delta)
        self.components_delta.update(other.components_delta)
        self.onboarding.update(other.onboarding)

    def copy(self) -> DayStatistics:
        """Counts of their own that start from these."""
        return DayStatistics(
            _copied(self.events_by_type),
            _copied(self.status_delta),
            _copied(self.components_delta),
            _copied(self.onboarding),
        )

    def row(self) -> Row:
        """The counts, without those that came to nothing."""
        return {
            "events_by_type": _counted(self.events_by_type),
            "status_delta": _counted(self.status_delta),
            "components_delta": _counted(self.components_delta),
            "onboarding": {milestone: self.onboarding[milestone] for milestone in ONBOARDING.values()},
        }

    @classmethod
    def restored(cls, row: Mapping[str, Any]) -> DayStatistics:
        """The accumulator behind a row."""
        return cls(
            Counter(row["events_by_type"]),
            Counter(row["status_delta"]),
            Counter(row["components_delta"]),
            Counter(row["onboarding"]),
        )


def day_of(event: Event) -> str:
    """The UTC day of an event, which is the key of its row."""
    return event.time.date().isoformat()


def change_of(before: Person, event: Event, after: Person) -> Change:
    """What an event adds, told from the states before and behind it."""
    return Change(event.parts, _statuses(before, after), _components(before, event, after))


def _statuses(before: Person, after: Person) -> Mapping[str, int]:
    if before.exists and before.status is after.status:
        return NOTHING
    difference = {after.status.value: 1} if after.exists else {}
    return {before.status.value: -1, **difference} if before.exists else difference


def _components(before: Person, event: Event, after: Person) -> Mapping[str, int]:
    if before.components is after.components or isinstance(event.data, PersonErased):
        return NOTHING
    if len(before.components) == len(after.components) and before.components.keys() == after.components.keys():
        return NOTHING
    held = Counter(one.component_type for one in after.components.values())
    held.subtract(one.component_type for one in before.components.values())
    return {component_type: difference for component_type, difference in held.items() if difference}


def _counted(counts: Mapping[str, int]) -> Row:
    return {name: count for name, count in counts.items() if count}


def _copied(counts: Counter[str]) -> Counter[str]:
    # Counter's own way asks first what it is given, which takes ten times as long, four times a cycle.
    copied: Counter[str] = Counter.__new__(Counter)
    dict.update(copied, counts)
    return copied


NOTHING: Final[Mapping[str, int]] = {}

CHANGED_BY: Final[ChangedBy] = every(*(spec.model for spec in EVENTS.values()))
