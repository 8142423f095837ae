"""Ownership of partitions: claimed before recovery, proved when a decision depends on nobody else deciding.

Guarantee: when `claim` or `prove` returns, no other worker had begun to serve the partition before it was called. Both write a marker
row to a changelog, which the broker refuses from a worker that was replaced."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

from faust.types import TP

from lanes.fenced_producer import FencedError, FencedProducer
from lanes.producer import OutgoingBatch

logger = logging.getLogger(__name__)

CLAIM_AGAIN_S = 0.2

MARKER_KEY = b"__fence__"
"""Key of the row by which an owner makes its epoch known in a changelog partition."""


class Ownership:
    """Claims and proofs of one worker."""

    def __init__(self, producer: FencedProducer) -> None:
        self._producer = producer

    async def claim(self, changelogs: Iterable[TP]) -> None:
        """Shut out whoever owned these changelog partitions before: from now on the broker refuses what it writes.

        What the old owner has written until then lies before the marker, so a recovery that reads up to the end sees all of it.
        """
        topics: dict[int, list[str]] = {}
        for tp in changelogs:
            topics.setdefault(tp.partition, []).append(tp.topic)
        while True:
            await self._producer.claim(topics)
            marking = (self._mark(partition, marked) for partition, marked in topics.items())
            errors = [error for error in await asyncio.gather(*marking, return_exceptions=True) if error is not None]
            if not errors:
                return
            for error in errors:
                if not isinstance(error, FencedError):
                    raise error
            # Somebody claimed at the same time. Whoever of the two is not in the group's present generation stops by itself.
            logger.warning("claiming again: %s", errors[0])
            await asyncio.sleep(CLAIM_AGAIN_S)

    async def prove(self, changelog: str, partition: int) -> None:
        """Raise FencedError unless this worker still owns the partition now."""
        await self._mark(partition, [changelog])

    async def _mark(self, partition: int, changelogs: Sequence[str]) -> None:
        marker = (MARKER_KEY, b"", int(time.time() * 1000), ())
        await self._producer.write(partition, [OutgoingBatch(topic, partition, [marker]) for topic in changelogs])
