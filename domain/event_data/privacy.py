"""Events of consent, exports, legal holds and erasure."""

from typing import Final

from domain.event_data.base import EventSpec

EVENTS: Final[tuple[EventSpec, ...]] = ()
