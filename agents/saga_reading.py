"""What all agents on person.sagas share: a cycle's records decoded once and grouped by saga, and the history of a saga read from JetStream.

Guarantee: events of a saga keep their order; one that cannot be read stops nobody."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from nats.aio.client import Client

from agents.held_position import held_up_to
from bridge import headers, read
from config.streams import SAGAS
from domain.ids import is_uuid
from domain.partitions import partition_of
from domain.sagas.evolve import evolve
from domain.sagas.saga_events import (
    SagaEvent,
    read_saga_event,
    saga_filter,
    saga_of_subject,
    sagas_of_partition_filter,
)
from domain.sagas.state import Saga
from domain.undecodable import Undecodable
from lanes.agent import Batch
from lanes.record import Record


class SagaArrival(NamedTuple):
    """A stored event of a saga, read or not: exactly one of `event` and `error` is there."""

    saga_id: str
    stream_sequence: int
    record: Record
    event: SagaEvent | None
    error: Undecodable | None = None


class KnownSaga(NamedTuple):
    """A saga and the stream sequence of its last message, 0 before the first; no saga where nothing that is stored can be read."""

    saga: Saga | None
    stream_sequence: int


NOTHING = KnownSaga(None, 0)


def folded(known: KnownSaga, arrival: SagaArrival) -> KnownSaga:
    """The saga behind an arrival, the same one when it is in it already. What cannot be read changes its place alone."""
    if arrival.stream_sequence <= known.stream_sequence:
        return known
    saga = known.saga if arrival.event is None else evolve(known.saga, arrival.event)
    return KnownSaga(saga, arrival.stream_sequence)


class UnreadRecord(NamedTuple):
    """A record that holds no saga event, and why."""

    record: Record
    error: Undecodable


class DecodedSagas(NamedTuple):
    """The records of a cycle by saga, those that cannot be read, and the stream sequence up to which the partition holds everything behind it."""

    by_saga: Mapping[str, list[SagaArrival]]
    unread: list[UnreadRecord]
    last_stream_sequence: int


def decoded(batch: Batch) -> DecodedSagas:
    """The records of this cycle, decoded once for all its agents."""
    return batch.once("decoded saga events", lambda: _decode(batch))


def _decode(batch: Batch) -> DecodedSagas:
    by_saga: dict[str, list[SagaArrival]] = {}
    unread: list[UnreadRecord] = []
    last = held_up_to(batch)
    for record in batch.records:
        try:
            subject, stream_sequence = headers.source(record.headers)
        except headers.NotCarriedError as error:
            unread.append(UnreadRecord(record, Undecodable("undecodable", str(error))))
            continue
        last = max(last, stream_sequence)
        arrival = _arrival(record, subject, stream_sequence)
        if arrival.error is not None:
            unread.append(UnreadRecord(record, arrival.error))
        if is_uuid(arrival.saga_id):
            by_saga.setdefault(arrival.saga_id, []).append(arrival)
    return DecodedSagas(by_saga, unread, last)


def _arrival(record: Record, subject: str, stream_sequence: int) -> SagaArrival:
    saga_id = subject.rpartition(".")[2]
    try:
        return SagaArrival(saga_id, stream_sequence, record, read_saga_event(record.value, subject=subject))
    except Undecodable as error:
        return SagaArrival(saga_id, stream_sequence, record, None, error)


class SagaHistory:
    """Reads the events of one saga from JetStream, the source of truth.

    `partitions` are those of the tables, `stored` those in the subjects of the stream; without them both are the same.
    """

    def __init__(self, nc: Client, partitions: int = 1, stored: int = 1) -> None:
        self._nc = nc
        self._partitions = partitions
        self._stored = stored

    async def arrivals(self, saga_id: str, *, after: int = 0) -> AsyncIterator[SagaArrival]:
        """What the stream holds of a saga above a stream sequence, in order. Raises errors of the server."""
        async for message in read.messages(self._nc, SAGAS, saga_filter(saga_id), after=after):
            record = Record(-1, saga_id.encode(), message.data, {}, 0)
            yield _arrival(record, message.subject, message.stream_sequence)

    async def last_of_partition(self, partition: int, *, after: int = 0) -> int:
        """The stream sequence of the newest saga event of a partition, 0 before the first. Raises errors of the server.

        What the subjects do not tell is looked for above `after` alone; then `after` is returned where nothing lies behind it.
        """
        if self._partitions == self._stored:
            newest = await read.last_message(self._nc, SAGAS, sagas_of_partition_filter(partition))
            return 0 if newest is None else newest.stream_sequence
        last = after
        step = math.gcd(self._partitions, self._stored)
        for token in range(partition % step, self._stored, step):
            async for message in read.messages(self._nc, SAGAS, sagas_of_partition_filter(token), after=after):
                person_id, _ = saga_of_subject(message.subject)
                if partition_of(person_id, self._partitions) == partition:
                    last = max(last, message.stream_sequence)
        return last
