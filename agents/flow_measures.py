"""What flows through a worker, counted for its metrics: events by type, commands by outcome, and how long both took since they were stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bridge import headers
from lanes.distribution import Distribution
from lanes.record import Record

OTHER = "other"
"""The type of what no catalogue holds: a label has a bounded set of values, whatever is sent."""


@dataclass
class FlowMeasures:
    """Counts since the start of the worker."""

    events: Counter[str] = field(default_factory=Counter)
    """Events that became visible, by type; those that wait in quarantine for some agent among them."""
    visible_seconds: Distribution = field(default_factory=Distribution)
    """From the time at which JetStream stored an event until every reader of its partition sees it."""
    commands: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Commands that got their outcome, by type, status and code; the code of an accepted one is empty."""
    decided_seconds: Distribution = field(default_factory=Distribution)
    """From the time at which JetStream stored a command until its outcome was told."""


def stored_s(record: Record) -> float:
    """When JetStream stored what a record carries, in seconds since the epoch; the record's own time for what the bridge did not write."""
    stored = record.headers.get(headers.STORED, b"")
    return int(stored) / 1e9 if stored.isdigit() else record.timestamp_ms / 1000
