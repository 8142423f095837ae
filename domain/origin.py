"""Tells events that happen now from those that were brought here later: what they tell has had its effects elsewhere, long ago."""

from typing import Final

from domain.envelope import actor_kind
from domain.events import Event

MIGRATED: Final = "x_migrated"
"""Member of the context of an event that a migration has written."""


def tells_of_the_past(event: Event) -> bool:
    """Whether an event was imported or migrated. Such an event starts no saga and fires no policy."""
    return actor_kind(event.actor) == "import" or MIGRATED in event.context
