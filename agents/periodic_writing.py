"""Positions that are written once a second and at the end: whoever keeps them says what is written."""

from __future__ import annotations

import abc
import asyncio
import logging
from contextlib import suppress

from nats.errors import Error as NatsError

from bridge.ending import end
from bridge.errors import BridgeError

logger = logging.getLogger(__name__)

WRITE_INTERVAL_S = 1.0


class PeriodicWriting(abc.ABC):
    """Writes while it runs; a write that fails is tried again with the next one."""

    what: str
    """What is written, for the log."""
    _task: asyncio.Task[None] | None = None

    @abc.abstractmethod
    async def write(self) -> None:
        """Write what was reached and is not written yet. Raises BridgeError, NatsError or TimeoutError."""

    def start(self) -> None:
        """Begin to write what was reached, once a second."""
        self._task = asyncio.get_running_loop().create_task(self._write_periodically(), name=self.what)

    async def stop(self) -> None:
        """Write what was reached and end. What cannot be written now is done again by the next owner, under the same ids."""
        if self._task is not None:
            await end(self._task)
            self._task = None
        with suppress(BridgeError, NatsError, TimeoutError):
            await self.write()

    async def _write_periodically(self) -> None:
        while True:
            await asyncio.sleep(WRITE_INTERVAL_S)
            try:
                await self.write()
            except (BridgeError, NatsError, TimeoutError) as error:
                logger.warning("the %s could not be written: %s", self.what, error or type(error).__name__)
