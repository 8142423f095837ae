"""Brings the parked events of a person to their agent again, read from JetStream, in order, in cycles of the lane.

Guarantee: a person flows again only after every event that waited is folded or discarded; a redrive that fails or is cut off leaves the
person parked, and can be repeated at any time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import orjson

from agents.quarantine import Redrive, begin, wards_of
from agents.reading import Arrival, EventLog
from bridge import headers
from bridge.dead_letters import DeadLetter, DeadLetters
from config.streams import EVENTS
from lanes.agent import Batch
from lanes.record import Record
from tables.quarantine import Discarded, Parked, QuarantineTable

EVENTS_PER_CYCLE = 250
"""Parked events that one cycle takes: other persons of the partition wait no longer than for these."""

DISCARDED = "discarded"
"""Cause of the letter that records who discarded an event, and why."""


class NotDoneError(Exception):
    """A redrive or discard was not done; the message says why. Nothing was lost or skipped."""


class NotParkedError(NotDoneError):
    """The person is not parked for the agent, or not at the named event."""


class Repeat(Protocol):
    """Brings records to the lane of a partition again."""

    async def __call__(self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        """Return the batch once it is durable. Raises LookupError without such a lane, CancelledError when it stops first."""


class Redriven(NamedTuple):
    """How far a redrive came: the events that the agent has taken, and what is parked still."""

    events: int
    parked: Parked | None


class Redriver:
    """Redrives and discards for the partitions of one worker, one person at a time."""

    def __init__(
        self,
        table: QuarantineTable,
        log: EventLog,
        letters: DeadLetters,
        repeat: Repeat,
        *,
        on_discarded: Callable[[int], None],
        others_up_to: Callable[[], int] = int,
    ) -> None:
        """`others_up_to` is the stream sequence up to which another generation has caused all effects, or never will."""
        self._table = table
        self._log = log
        self._letters = letters
        self._repeat = repeat
        self._on_discarded = on_discarded
        self._others_up_to = others_up_to
        self._one_at_a_time = asyncio.Lock()

    async def redrive(self, partition: int, agent: str, person_id: str) -> Redriven:
        """Bring everything that waits; returns when the person flows or an event fails again.

        Raises NotParkedError for a person that is not parked for the agent, NotDoneError when the lane stopped.
        """
        async with self._one_at_a_time:
            self._parked(partition, agent, person_id)
            return await self._all(partition, agent, person_id)

    async def discard(
        self, partition: int, agent: str, person_id: str, stream_sequence: int, *, by: str, why: str
    ) -> Redriven:
        """Take exactly the poison event out of the way of the agent, for ever, and redrive what waits behind it.

        Raises NotParkedError when the person is not parked for the agent at this event, NotDoneError when the lane stopped.
        """
        async with self._one_at_a_time:
            parked, arrivals = await self._parked_at(partition, agent, person_id, stream_sequence)
            now_ms = int(time.time() * 1000)
            poison = arrivals[0]
            discarding = Discarded(stream_sequence, claimed_version(poison), by, now_ms)
            record = {"agent": agent, "person_id": person_id, "at_ms": now_ms, "by": by, "why": why}
            await self._letters.store(
                DeadLetter(
                    consumer=agent,
                    source=EVENTS,
                    sequence=stream_sequence,
                    subject=poison.record.headers[headers.SUBJECT].decode(),
                    cause=DISCARDED,
                    reason="by an operator",
                    data=orjson.dumps(record),
                )
            )
            await self._bring(partition, agent, person_id, parked, arrivals[:1], discarding)
            self._on_discarded(partition)
            return await self._all(partition, agent, person_id)

    async def replace(
        self, partition: int, agent: str, person_id: str, stream_sequence: int, *, by: str, instead: str
    ) -> Redriven:
        """Let the agent take an edited copy in the place of exactly the poison event, for ever, and redrive what waits behind it.

        A copy that fails leaves the person parked; the next one takes its place. Raises like `discard`.
        """
        async with self._one_at_a_time:
            parked, arrivals = await self._parked_at(partition, agent, person_id, stream_sequence)
            now_ms = int(time.time() * 1000)
            discarding = Discarded(stream_sequence, claimed_version(arrivals[0]), by, now_ms, instead)
            done = await self._bring(partition, agent, person_id, parked, arrivals[:1], discarding)
            self._on_discarded(partition)
            if not done:
                return Redriven(0, self._table.read(partition, agent, person_id).parked)
            behind = await self._all(partition, agent, person_id)
            return Redriven(done + behind.events, behind.parked)

    async def _all(self, partition: int, agent: str, person_id: str) -> Redriven:
        events = 0
        while (parked := self._table.read(partition, agent, person_id).parked) is not None:
            arrivals = await self._waiting(person_id, parked)
            done = await self._bring(partition, agent, person_id, parked, arrivals, None)
            events += done
            if done < len(arrivals):
                break
        return Redriven(events, self._table.read(partition, agent, person_id).parked)

    async def _bring(
        self,
        partition: int,
        agent: str,
        person_id: str,
        parked: Parked,
        arrivals: Sequence[Arrival],
        discarding: Discarded | None,
    ) -> int:
        """Two cycles: the events come again; then, if all of them were taken, they wait no longer. Returns how many were taken."""
        sequences = [one.stream_sequence for one in arrivals]
        # What was parked while this generation stood by has had its effects from the one that served.
        live_after = max(parked.live_after or 0, self._others_up_to())
        redrive = Redrive(agent, person_id, parked.first, sequences, discarding=discarding, live_after=live_after)
        records = [one.record for one in arrivals]
        batch = await self._cycle(partition, records, lambda batch: begin(batch, redrive))
        ward = wards_of(batch)[agent]
        if not ward.redriven(person_id):
            raise NotDoneError("the person moved meanwhile; look again")
        if ward.parks(person_id):
            left = self._parked(partition, agent, person_id)
            return sum(sequence < left.first for sequence in sequences)
        release = redrive._replace(release=True, discarding=None, sequences=sequences or [parked.last])
        await self._cycle(partition, [], lambda batch: begin(batch, release))
        return len(sequences)

    async def _cycle(self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        try:
            return await self._repeat(partition, records, prepare)
        except LookupError:
            raise NotDoneError("the partition is on its way to another worker; ask again") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise NotDoneError("the lane stopped before it was done; ask again") from None

    async def _waiting(self, person_id: str, parked: Parked) -> list[Arrival]:
        """The first of the events that wait, in order."""
        found: list[Arrival] = []
        async for arrival in self._log.arrivals(person_id, after=parked.first - 1):
            if arrival.stream_sequence > parked.last or len(found) == EVENTS_PER_CYCLE:
                break
            found.append(arrival)
        return found

    async def _parked_at(
        self, partition: int, agent: str, person_id: str, stream_sequence: int
    ) -> tuple[Parked, list[Arrival]]:
        """Who is parked at exactly an event, and the first of the events that wait; raises NotParkedError."""
        parked = self._parked(partition, agent, person_id)
        arrivals = await self._waiting(person_id, parked)
        if not arrivals or arrivals[0].stream_sequence != stream_sequence:
            first = arrivals[0].stream_sequence if arrivals else parked.first
            raise NotParkedError(f"the person is parked at stream sequence {first}, not at {stream_sequence}")
        return parked, arrivals

    def _parked(self, partition: int, agent: str, person_id: str) -> Parked:
        parked = self._table.read(partition, agent, person_id).parked
        if parked is None:
            raise NotParkedError("the person is not parked for this agent")
        return parked


def claimed_version(arrival: Arrival) -> int | None:
    """The version of the person that an event takes, also one that cannot be read."""
    if arrival.event is not None:
        return arrival.event.sequence
    try:
        claimed = orjson.loads(arrival.record.value)["sequence"]
    except (ValueError, LookupError, TypeError):
        return None
    return claimed if isinstance(claimed, int) and claimed > 0 else None
