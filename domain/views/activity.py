"""The Activity model: since when nothing was heard of a person, and which threshold of silence is to be reported next.

Silence is measured from activity alone, never from the age of an event, so a replay makes nobody inactive.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from domain.command_data.policy import MAX_THRESHOLD_DAYS
from domain.ids import derive
from domain.person import Person
from domain.status import Status
from domain.times import format_instant, parse_instant
from domain.views.portrait import Row

FIRST_THRESHOLDS: Final = (30, 90, 180, 366)
THEN_EVERY: Final = 90
"""Thresholds are days; behind the last of the first ones there is one every 90 days."""

_SHOWN: Final = frozenset({Status.DRAFT, Status.ACTIVE, Status.SUSPENDED})
_SWEPT: Final = frozenset({Status.ACTIVE.value, Status.SUSPENDED.value})
_ERASED: Final = "Erased"


class Silence(NamedTuple):
    """A person that the sweep looks at: the last activity, and the highest threshold that was reported since, 0 for none."""

    person_id: str
    last_activity_at: datetime
    reported: int

    def due(self, now: datetime) -> int | None:
        """The highest threshold, in days, that `now` is beyond and that was not reported; those below it are not made up."""
        threshold = highest_threshold((now - self.last_activity_at).days)
        return threshold if threshold is not None and threshold > self.reported else None

    def command_id(self, threshold: int) -> str:
        """The id of the command that reports a threshold: one for each person, threshold and time of silence."""
        return derive(self.person_id, f"inactive:{threshold}:{format_instant(self.last_activity_at)}")


def activity_row(person: Person) -> Row | None:
    """The row of a person, None for one that the clock does not concern: unknown, terminal or erased."""
    last = person.last_activity_at or person.created_at
    if last is None or person.is_erased or person.status not in _SHOWN:
        return None
    return {
        "person_id": person.person_id,
        "status": person.status.value,
        "last_activity_at": format_instant(last),
        "reported": person.inactivity_reported,
    }


def silence_of(state: Mapping[str, Any]) -> Silence | None:
    """What the sweep needs of a dumped state, None unless the person is Active or Suspended and not erased."""
    last = state.get("last_activity_at") or state.get("created_at")
    if last is None or state.get("status") not in _SWEPT or state.get("erasure") == _ERASED:
        return None
    return Silence(state["person_id"], parse_instant(last), state.get("inactivity_reported", 0))


def highest_threshold(days: int) -> int | None:
    """The highest threshold of at most `days` whole days, None below the first one."""
    days = min(days, MAX_THRESHOLD_DAYS)
    last = FIRST_THRESHOLDS[-1]
    if days >= last:
        return last + (days - last) // THEN_EVERY * THEN_EVERY
    return max((threshold for threshold in FIRST_THRESHOLDS if threshold <= days), default=None)
