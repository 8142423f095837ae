"""What a worker has done with the messages of neighbours, counted for its metrics."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from domain.translate.catalogue import IGNORED, INBOUND
from domain.translate.signals import SIGNALS

Fate = Literal["translated", "signalled", "ignored", "repeated", "dead_lettered"]

_KNOWN = frozenset({*INBOUND, *IGNORED, *SIGNALS})


class ForeignCounters:
    """Counts since the worker began."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str, Fate]] = Counter()
        """Events by domain, type and fate; types that no catalogue holds are one."""
        self.commands: Counter[tuple[str, str, str, str]] = Counter()
        """Outcomes of commands by domain, type of the command, status and code."""

    def event(self, domain: str, event_type: str, fate: Fate) -> None:
        """Count an event; one that is not looked at has no type."""
        self.events[domain, event_type if event_type in _KNOWN else "other", fate] += 1

    def command(self, domain: str, command_type: str, status: str, code: str) -> None:
        """Count an outcome."""
        self.commands[domain, command_type, status, code] += 1
