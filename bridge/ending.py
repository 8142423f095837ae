"""Ends tasks for sure.

Guarantee: `end` returns when the task has ended, also if the task has not noticed that it was cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 0.25


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task, again if need be, and wait until it has ended; what it raised is not told.

    Before Python 3.12 `asyncio.wait_for`, which every request to NATS rests on, drops a cancellation that comes together with the answer.
    A loop would go on, and whoever waits for its end would wait for ever.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_S)
