"""A look at another machine's clock: what it said, and between which two moments of ours it said so."""

from __future__ import annotations

from typing import NamedTuple


class ClockReading(NamedTuple):
    """What a clock said to a question that was sent at `asked` and answered at `answered`; seconds since the epoch, the latter by our clock."""

    clock: float
    asked: float
    answered: float

    @property
    def ahead(self) -> float:
        """Seconds that the clock is surely ahead of ours, negative when it is behind; 0 when it may agree."""
        if self.clock > self.answered:
            return self.clock - self.answered
        return min(0.0, self.clock - self.asked)
