"""Events of activity, notifications and quality."""

from typing import Final

from domain.event_data.base import EventSpec

EVENTS: Final[tuple[EventSpec, ...]] = ()
