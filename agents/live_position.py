"""How far the effects of person events have gone: the position of each partition below which an event starts no saga and fires no policy.

Guarantee: a position moves only behind events whose effects the servers have acknowledged, and it is kept in JetStream, not in Kafka: a
consumer group that is reset, tables that are rebuilt and another installation on the same streams cause nothing again. It is written
once a second, so that after a crash the effects of a second may be caused again, under the same ids."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from nats.aio.client import Client

from agents.periodic_writing import PeriodicWriting
from agents.reading import decoded
from bridge import read
from bridge.append import EntityAppend, EventMessage, append_each
from bridge.errors import AppendRefusedError
from config.streams import POSITIONS
from lanes.agent import Batch, LaneAgent


def position_subject(partition: int, of: str = "events") -> str:
    """Where the position of a partition of the person events, or of the saga events, is kept."""
    return f"person.positions.{of}.{partition}"


class StoredPosition(NamedTuple):
    """A position, and the sequence of the message that holds it; zeros for none."""

    position: int
    sequence: int


class Begun(NamedTuple):
    """The term in which this worker acts, and up to which stream sequence everybody's effects were caused before it."""

    term: int = 0
    position: int = 0


class LivePositions(PeriodicWriting):
    """The live positions of a worker's partitions. A position is a stream sequence of the stream of `of`, `events` or `sagas`."""

    what = "live positions"

    def __init__(self, nc: Client, of: str = "events", begun: Callable[[], Begun] = Begun) -> None:
        self._nc = nc
        self._of = of
        self._begun = begun
        self._term = 0
        self._floors: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self._written: dict[int, StoredPosition] = {}
        self._writing = asyncio.Lock()

    async def floor(self, partition: int) -> int:
        """The position when this worker took the partition over: effects come of events above it only; 0 before the first event.

        Raises what the servers' client raises when it cannot be read.
        """
        begun = self._begun()
        if begun.term != self._term:
            self._term = begun.term
            self._floors.clear()
        known = self._floors.get(partition)
        if known is None:
            stored = await self._stored(partition)
            known = self._floors[partition] = max(stored.position, self._reached.get(partition, 0), begun.position)
        return known

    def reached(self, partition: int) -> int:
        """Up to where this worker has caused effects; 0 before its first cycle."""
        return self._reached.get(partition, 0)

    def advance(self, partition: int, stream_sequence: int) -> None:
        """Say that all effects of the events up to a stream sequence are acknowledged."""
        if stream_sequence > self._reached.get(partition, 0):
            self._reached[partition] = stream_sequence

    def forget(self, partition: int) -> None:
        """Read the position again when it is asked for next: another worker may have moved it."""
        self._floors.pop(partition, None)

    async def write(self) -> None:
        """Write what was reached and is not written yet; a position never moves back, whoever writes it."""
        async with self._writing:
            for partition, reached in list(self._reached.items()):
                known = self._written.get(partition)
                if known is None or reached > known.position:
                    self._written[partition] = await self._store(partition, reached, known)

    async def _store(self, partition: int, reached: int, known: StoredPosition | None) -> StoredPosition:
        """Store a position unless a higher one is stored; returns the stored one."""
        stored = known or await self._stored(partition)
        subject = position_subject(partition, self._of)
        while stored.position < reached:
            message = EventMessage(subject, str(reached).encode(), f"{subject}/{reached}")
            [result] = await append_each(self._nc, [EntityAppend(subject, stored.sequence, [message])])
            if not isinstance(result, AppendRefusedError):
                return StoredPosition(reached, result)
            # The owner before or after this worker was faster.
            stored = await self._stored(partition)
        return stored

    async def _stored(self, partition: int) -> StoredPosition:
        """The stored position, from the stream's leader."""
        message = await read.last_message(self._nc, POSITIONS, position_subject(partition, self._of))
        return StoredPosition(0, 0) if message is None else StoredPosition(int(message.data), message.stream_sequence)


class MarkLivePosition(LaneAgent):
    """Moves the live position of the partition behind each cycle; runs behind all agents that cause effects."""

    name = "mark_live_position"

    def __init__(self, positions: LivePositions) -> None:
        self._positions = positions

    async def process(self, batch: Batch) -> None:
        """Nothing to fold."""

    async def committed(self, batch: Batch) -> None:
        """Every agent before this one has had its effects acknowledged."""
        self._positions.advance(batch.partition, decoded(batch).last_stream_sequence)

    def forget(self, partition: int) -> None:
        """Read the position again: the partition may have moved meanwhile."""
        self._positions.forget(partition)
