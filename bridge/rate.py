"""Messages per second over the last seconds."""

from __future__ import annotations

import time
from collections import deque

WINDOW_S = 10.0
STEP_S = 0.5


class Rate:
    """Counts in steps of half a second and forgets what is older than ten seconds."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, int]] = deque()
        self._begun = time.monotonic()

    def add(self, count: int) -> None:
        """Count messages now."""
        now = time.monotonic()
        if self._steps and now - self._steps[-1][0] < STEP_S:
            self._steps[-1] = (self._steps[-1][0], self._steps[-1][1] + count)
        else:
            self._steps.append((now, count))
        self._forget(now)

    def per_second(self) -> float:
        """Messages per second over the window, or since the beginning while that is shorter."""
        now = time.monotonic()
        self._forget(now)
        return sum(count for _, count in self._steps) / max(STEP_S, min(WINDOW_S, now - self._begun))

    def _forget(self, now: float) -> None:
        while self._steps and now - self._steps[0][0] > WINDOW_S:
            self._steps.popleft()
