"""The sagas of the partitions that this worker owns, counted every few seconds in their index; lanes pay nothing for it.

Guarantee: a count is of one moment of each partition and at most some seconds old; it begins with all sagas that there are, not with the
worker's start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from bridge.ending import end
from lanes.failure import stack_of
from queries.index.feed import IndexFeed
from queries.index.sagas import CENSUS

logger = logging.getLogger(__name__)

EVERY_S = 10.0


class Counted(NamedTuple):
    """Sagas of one kind: how many, and when the oldest of them began and the stalest changed, in seconds since the epoch."""

    saga: str
    status: str
    parked: bool
    step: str | None
    """Of sagas that have not ended for good; None for the others."""
    many: int
    oldest: float
    stalest: float


class SagaCensus:
    """Counts while it runs; what it tells belongs to the partitions that were owned then."""

    def __init__(self, index: IndexFeed, owned: Callable[[], frozenset[int]], *, every_s: float = EVERY_S) -> None:
        self._index = index
        self._owned = owned
        self._every_s = every_s
        self._counted: Sequence[Counted] = ()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to count."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="saga census")

    async def stop(self) -> None:
        """Count no more."""
        if self._task is not None:
            await end(self._task)
        self._counted = ()

    def counted(self) -> Sequence[Counted]:
        """The last count, one entry per partition and kind."""
        return self._counted

    async def count(self) -> None:
        """Count now; a partition that is on its way is left out."""
        found: list[Counted] = []
        for partition in sorted(self._owned()):
            with suppress(LookupError):
                for saga, status, parked, step, many, oldest, stalest in await self._index.ask(partition, CENSUS):
                    found.append(Counted(saga, status, bool(parked), step, many, oldest / 1e6, stalest / 1e6))
        self._counted = found

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.count()
            except Exception as error:
                logger.warning("the sagas could not be counted: %s", stack_of(error))
