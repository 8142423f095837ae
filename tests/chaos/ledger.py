"""What the sender knows: each command, when it was due, acknowledged and answered, and with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.chaos.load import DueCommand


@dataclass
class Entry:
    """A command as its sender sees it. Times are seconds after the load began."""

    due: DueCommand
    round_seed: int
    attempts: int = 0
    acknowledged_at: float | None = None
    answered_at: float | None = None
    outcome: dict[str, Any] | None = None
    contradictions: list[dict[str, Any]] = field(default_factory=list)
    """Outcomes that differ from the first one that was final."""

    @property
    def command_id(self) -> str:
        """The id under which every copy is sent."""
        assert self.due.message.id is not None
        return self.due.message.id

    @property
    def person_id(self) -> str:
        """Whom it is about."""
        assert self.due.message.person_id is not None
        return self.due.message.person_id

    @property
    def waited_s(self) -> float | None:
        """From when it was due until its outcome was known."""
        return None if self.answered_at is None else self.answered_at - self.due.at_s

    def answer(self, outcome: dict[str, Any], now: float) -> None:
        """Note an outcome; only accepted and refused are final."""
        if self.outcome is None:
            self.outcome, self.answered_at = outcome, now
        elif outcome != self.outcome:
            self.contradictions.append(outcome)
