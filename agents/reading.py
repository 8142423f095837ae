"""What all agents on person.events share: a cycle's records decoded once and grouped by person, and holes healed from JetStream.

Guarantee: events of a person keep their order; a record that cannot be read is dead-lettered and holds back nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from nats.aio.client import Client

from bridge import headers, read
from bridge.dead_letters import DeadLetter, DeadLetters
from config.streams import EVENTS
from domain.events import Event, Undecodable, read_event
from domain.subjects import person_filter
from lanes.agent import Batch
from lanes.record import Record


class StoredEvent(NamedTuple):
    """An event and its place in the stream."""

    event: Event
    stream_sequence: int
    record: Record


class UnreadableRecord(NamedTuple):
    """A record that is no event of the catalogue."""

    record: Record
    error: Undecodable


class DecodedBatch(NamedTuple):
    """The records of a cycle by person, the unreadable ones, and the last stream sequence among them."""

    by_person: Mapping[str, list[StoredEvent]]
    unreadable: list[UnreadableRecord]
    last_stream_sequence: int


def decoded(batch: Batch) -> DecodedBatch:
    """The records of this cycle, decoded once for all its agents."""
    return batch.once("decoded events", lambda: _decode(batch))


def _decode(batch: Batch) -> DecodedBatch:
    by_person: dict[str, list[StoredEvent]] = {}
    unreadable: list[UnreadableRecord] = []
    last = 0
    for record in batch.records:
        try:
            subject, stream_sequence = headers.source(record.headers)
            last = max(last, stream_sequence)
            event = read_event(record.value, subject=subject)
        except headers.NotCarriedError as error:
            unreadable.append(UnreadableRecord(record, Undecodable("undecodable", str(error))))
            continue
        except Undecodable as error:
            unreadable.append(UnreadableRecord(record, error))
            continue
        by_person.setdefault(event.person_id, []).append(StoredEvent(event, stream_sequence, record))
    return DecodedBatch(by_person, unreadable, last)


class EventLog:
    """Reads the events of one person from JetStream, the source of truth."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def events(self, person_id: str, *, after: int = 0) -> AsyncIterator[tuple[Event, int]]:
        """Events of a person with a stream sequence above `after`; raises Undecodable for one that cannot be read."""
        async for message in read.messages(self._nc, EVENTS, person_filter(person_id), after=after):
            yield read_event(message.data, subject=message.subject), message.stream_sequence


async def dead_letter(letters: DeadLetters, agent: str, record: Record, cause: str, reason: str) -> None:
    """Store a record of a lane in the dead letters of an agent."""
    await letters.store(
        DeadLetter(
            consumer=agent,
            source=record.headers.get(headers.STREAM, b"kafka").decode(errors="replace"),
            sequence=headers.sequence_or(record.headers, record.offset),
            subject=record.headers.get(headers.SUBJECT, b"").decode(errors="replace"),
            cause=cause,
            reason=reason,
            data=record.value,
        )
    )
