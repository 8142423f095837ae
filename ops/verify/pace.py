"""How fast a verification may read: so many messages, records and rows a second, in small steps."""

from __future__ import annotations

import asyncio
import time

STEP_S = 0.05


class Pace:
    """Lets takers wait until what they took fits the rate; without a rate nobody waits."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._free_at = time.monotonic()

    async def take(self, many: int) -> None:
        """Wait for as long as `many` take at this rate, less what was saved up in the last step."""
        if self._per_second is None:
            return
        now = time.monotonic()
        self._free_at = max(self._free_at, now - STEP_S) + many / self._per_second
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)
