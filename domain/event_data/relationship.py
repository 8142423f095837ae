"""Events of links to identities, locations, organizations and agents."""

from typing import Final

from domain.event_data.base import EventSpec

EVENTS: Final[tuple[EventSpec, ...]] = ()
