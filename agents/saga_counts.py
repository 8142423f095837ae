"""What the sagas of a worker did since its start, counted for its metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class SagaCounts:
    """Counters; repetitions after a crash count again."""

    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Saga events whose effects were brought about, by saga and event name."""
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Effects, by saga and kind: `command`, `foreign`, `timer_set`, `timer_cancelled`."""
    inputs: Counter[str] = field(default_factory=Counter)
    """Inputs that sagas took, by kind: `event`, `command`, `timer`."""
    timers_late: int = 0
    """Timers that changed nothing, since their step had ended."""
    lateness_s: float = 0.0
    """How long after its time the last timer arrived."""
