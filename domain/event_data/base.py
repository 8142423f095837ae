"""What every event payload is, and its entry in the catalogue."""

import re
from typing import NamedTuple

from domain.model import Frozen


class EventData(Frozen):
    """What an event says beyond its envelope."""


EventDataType = type[EventData]


class EventSpec(NamedTuple):
    """One event type."""

    type: str
    version: int
    context: str
    name: str
    model: EventDataType

    @property
    def title(self) -> str:
        """The event in words, such as ``Component added``."""
        words = re.findall(r"[A-Z][a-z]*", self.model.__name__)
        return " ".join((words[0], *(word.lower() for word in words[1:])))
