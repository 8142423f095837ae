"""What all agents on person.events share: a cycle's records decoded once and grouped by person, and holes healed from JetStream.

Guarantee: events of a person keep their order, those that cannot be read among them, so that they can stop that person and nobody
else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

from nats.aio.client import Client

from agents.held_position import held_up_to
from bridge import headers, read
from bridge.dead_letters import DeadLetter, DeadLetters
from config.streams import EVENTS
from domain.events import Event, read_event
from domain.ids import is_person_id
from domain.subjects import person_filter
from domain.undecodable import Undecodable
from lanes.agent import Batch
from lanes.record import Record
from tables.quarantine import Discarded

RECORDS_AT_ONCE = 500
"""A few milliseconds of decoding; others run behind them."""


class Arrival(NamedTuple):
    """A stored event of a person, read or not: exactly one of `event` and `error` is there."""

    stream_sequence: int
    record: Record
    event: Event | None
    error: Undecodable | None = None
    discarded: Discarded | None = None
    """An operator took it out of the way of the agent that gets it."""
    read_back: bool = False
    """It was read from the stream behind the order of the lane."""

    def read(self) -> Event:
        """The event; raises Undecodable when the bytes are none."""
        if self.event is None:
            assert self.error is not None
            raise self.error
        return self.event


def marked(arrivals: Sequence[Arrival], discarded: Sequence[Discarded]) -> Sequence[Arrival]:
    """The same arrivals, each discarded one with its mark, and each replaced one with the event of its edited copy."""
    if not discarded:
        return arrivals
    marks = {one.stream_sequence: one for one in discarded}
    return [_with_mark(one, marks.get(one.stream_sequence)) for one in arrivals]


def _with_mark(arrival: Arrival, mark: Discarded | None) -> Arrival:
    if mark is None or mark.instead is None:
        return arrival._replace(discarded=mark)
    return replaced(arrival, mark.instead)


def replaced(arrival: Arrival, instead: str) -> Arrival:
    """An arrival with the event of an edited copy. Its record stays what the stream holds, so that hash chains are those of the stream."""
    subject = arrival.record.headers[headers.SUBJECT].decode()
    try:
        return arrival._replace(event=read_event(instead.encode(), subject=subject), error=None, discarded=None)
    except Undecodable as error:
        return arrival._replace(event=None, error=error, discarded=None)


class UnplacedRecord(NamedTuple):
    """A record that belongs to no person: its coordinates are missing or name none."""

    record: Record
    error: Undecodable


class DecodedBatch(NamedTuple):
    """The records of a cycle by person, those of nobody, and the stream sequence up to which the partition holds everything behind it."""

    by_person: Mapping[str, list[Arrival]]
    unplaced: list[UnplacedRecord]
    last_stream_sequence: int


async def decode(batch: Batch) -> DecodedBatch:
    """The records of this cycle, decoded once for all its agents; the first of them does it, and lets others run meanwhile."""
    decoding = Decoding(batch)
    for number, record in enumerate(batch.records, 1):
        decoding.take(record)
        if not number % RECORDS_AT_ONCE:
            await asyncio.sleep(0)
    return batch.once(_DECODED, decoding.result)


def decoded(batch: Batch) -> DecodedBatch:
    """What `decode` has found for this cycle; decoded now, if no agent has asked for it."""

    def whole() -> DecodedBatch:
        decoding = Decoding(batch)
        for record in batch.records:
            decoding.take(record)
        return decoding.result()

    return batch.once(_DECODED, whole)


def edited_copies(batch: Batch) -> dict[int, str]:
    """Edited copies that all agents of this cycle take in the place of stored events, by stream sequence; a redrive brings them."""
    return batch.once("edited copies", dict)


class Decoding:
    """Decodes the records of a cycle one after the other."""

    def __init__(self, batch: Batch) -> None:
        self._by_person: dict[str, list[Arrival]] = {}
        self._unplaced: list[UnplacedRecord] = []
        self._last = held_up_to(batch)
        self._copies = edited_copies(batch)

    def take(self, record: Record) -> None:
        """Decode the next record."""
        try:
            subject, stream_sequence = headers.source(record.headers)
        except headers.NotCarriedError as error:
            self._unplaced.append(UnplacedRecord(record, Undecodable("undecodable", str(error))))
            return
        if stream_sequence > self._last:
            self._last = stream_sequence
        try:
            arrival = Arrival(stream_sequence, record, event := read_event(record.value, subject=subject))
            person_id = event.person_id
        except Undecodable as error:
            arrival = Arrival(stream_sequence, record, None, error)
            person_id = subject.rpartition(".")[2]
            if not is_person_id(person_id):
                self._unplaced.append(UnplacedRecord(record, error))
                return
        if self._copies and stream_sequence in self._copies:
            arrival = replaced(arrival, self._copies[stream_sequence])
        arrivals = self._by_person.get(person_id)
        if arrivals is None:
            self._by_person[person_id] = [arrival]
        else:
            arrivals.append(arrival)

    def result(self) -> DecodedBatch:
        """What was decoded so far."""
        return DecodedBatch(self._by_person, self._unplaced, self._last)


_DECODED = "decoded events"


class EventLog:
    """Reads the events of one person from JetStream, the source of truth."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    @property
    def connection(self) -> Client:
        """The connection that it reads through."""
        return self._nc

    async def events(self, person_id: str, *, after: int = 0) -> AsyncIterator[tuple[Event, int]]:
        """Events of a person with a stream sequence above `after`; raises Undecodable for one that cannot be read."""
        async for arrival in self.arrivals(person_id, after=after):
            yield arrival.read(), arrival.stream_sequence

    async def arrivals(self, person_id: str, *, after: int = 0) -> AsyncIterator[Arrival]:
        """What the stream holds of a person above a stream sequence, as the lane would get it."""
        async for message in read.messages(self._nc, EVENTS, person_filter(person_id), after=after):
            yield _read_back(message, person_id)

    async def at(self, stream_sequence: int) -> Arrival | None:
        """What the stream holds under a stream sequence, as the lane would get it, or None."""
        message = await read.message_at(self._nc, EVENTS, stream_sequence)
        return None if message is None else _read_back(message, message.subject.rpartition(".")[2])


def _read_back(message: read.StoredMessage, person_id: str) -> Arrival:
    carried = {
        headers.STREAM: EVENTS.encode(),
        headers.SUBJECT: message.subject.encode(),
        headers.SEQUENCE: b"%d" % message.stream_sequence,
        headers.STORED: b"%d" % int(message.stored_at.timestamp() * 1e9),
    }
    record = Record(-1, person_id.encode(), message.data, carried, 0)
    try:
        event = read_event(message.data, subject=message.subject)
    except Undecodable as error:
        return Arrival(message.stream_sequence, record, None, error, read_back=True)
    return Arrival(message.stream_sequence, record, event, read_back=True)


def letter_of(agent: str, record: Record, cause: str, reason: str) -> DeadLetter:
    """A record of a lane as a dead letter of an agent."""
    return DeadLetter(
        consumer=agent,
        source=record.headers.get(headers.STREAM, b"kafka").decode(errors="replace"),
        sequence=headers.sequence_or(record.headers, record.offset),
        subject=record.headers.get(headers.SUBJECT, b"").decode(errors="replace"),
        cause=cause,
        reason=reason,
        data=record.value,
    )


async def dead_letter(letters: DeadLetters, agent: str, record: Record, cause: str, reason: str) -> None:
    """Store a record of a lane in the dead letters of an agent."""
    await letters.store(letter_of(agent, record, cause, reason))
