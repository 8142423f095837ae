"""The second read of a source: its events in the newest version into the target, in atomic batches of many persons.

Guarantee: a batch is stored as a whole, and only behind the very event of each person that it follows. How far a person is, is what
the target holds of it, so that a kill at any moment loses nothing and doubles nothing, and a second run appends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from nats.errors import Error as NatsError

from bridge.append import EntityAppend, EventMessage, append
from bridge.errors import AppendRefusedError, BridgeError
from domain.envelope import CONTENT_TYPE, EVENT_SOURCE, SPEC_VERSION
from domain.event_catalogue import EVENTS
from domain.origin import MIGRATED
from domain.subjects import EventSubject, person_filter
from domain.upcasting.documents import upcast_document
from ops.migrating.planning import Plan
from ops.migrating.report import Report
from ops.migrating.source import Source
from ops.migrating.source_events import SourceEvents
from ops.migrating.target import Head, Target

MAX_BATCH_BYTES = 8 << 20
ATTEMPTS = 6
FIRST_PAUSE_S = 0.2
ANSWER_S = 30.0


class MigrationStoppedError(Exception):
    """Somebody else writes events of a person that is being migrated; the message names it."""


@dataclass(slots=True)
class _Pending:
    """An event of today that waits for its batch."""

    sequence: int
    message: EventMessage


@dataclass
class _Batch:
    """Events of many persons, those of a person in order."""

    capacity: int
    by_person: dict[str, list[_Pending]] = field(default_factory=dict)
    events: int = 0
    size: int = 0

    def add(self, person_id: str, pending: _Pending) -> None:
        self.by_person.setdefault(person_id, []).append(pending)
        self.events += 1
        self.size += len(pending.message.data)

    def leave_out_stored(self, heads: Mapping[str, Head]) -> int:
        """Take out what the target holds; returns how many events."""
        before = self.events
        self.by_person = {
            person_id: left
            for person_id, waiting in self.by_person.items()
            if (left := [one for one in waiting if one.sequence > heads[person_id].sequence])
        }
        self.events = sum(map(len, self.by_person.values()))
        return before - self.events

    @property
    def full(self) -> bool:
        return self.events == self.capacity or self.size >= MAX_BATCH_BYTES


async def copy_events(
    source: Source, target: Target, plan: Plan, report: Report, advance: Callable[[int], None], *, per_batch: int
) -> None:
    """Append what the target lacks, so many events a batch. Raises MigrationStoppedError, or BridgeError, NatsError and TimeoutError when the servers fail."""
    heads = {person_id: person.head for person_id, person in plan.persons.items() if not person.refused}
    numbers = dict.fromkeys(heads, 0)
    events = SourceEvents()
    batch = _Batch(per_batch)
    sending: asyncio.Task[None] | None = None

    async def send(full: _Batch) -> None:
        nonlocal sending
        if sending is not None:
            await sending
        # The next batch is made while this one is on its way.
        sending = asyncio.create_task(_append(target, full, heads, report, advance))

    try:
        async for records in source.chunks():
            for one in events.read(records):
                if one.person_id is None or not plan.takes(one.person_id):
                    continue
                for part in upcast_document(one.document).parts:
                    numbers[one.person_id] += 1
                    sequence = numbers[one.person_id]
                    if sequence <= plan.persons[one.person_id].head.sequence:
                        report.present += 1
                        advance(1)
                        continue
                    batch.add(one.person_id, _Pending(sequence, _message(part, one.person_id, sequence)))
                    if batch.full:
                        await send(batch)
                        batch = _Batch(per_batch)
        await send(batch)
        if sending is not None:
            await sending
    finally:
        if sending is not None and not sending.done():
            sending.cancel()


async def _append(
    target: Target, batch: _Batch, heads: dict[str, Head], report: Report, advance: Callable[[int], None]
) -> None:
    pause = FIRST_PAUSE_S
    for attempt in range(1, ATTEMPTS + 1):
        done = batch.leave_out_stored(heads)
        report.present += done
        advance(done)
        if not batch.by_person:
            return
        entities = [
            EntityAppend(person_filter(person_id), heads[person_id].stream_sequence, [one.message for one in waiting])
            for person_id, waiting in batch.by_person.items()
        ]
        try:
            stored = await append(target.nc, entities, timeout_s=ANSWER_S)
        except (AppendRefusedError, BridgeError, NatsError, TimeoutError):
            if attempt == ATTEMPTS:
                raise
        else:
            for (person_id, waiting), stream_sequence in zip(batch.by_person.items(), stored, strict=True):
                heads[person_id] = Head(waiting[-1].sequence, waiting[-1].message.message_id, stream_sequence)
            report.appended += batch.events
            advance(batch.events)
            return
        # Nobody knows what is stored, or somebody was faster: the target tells.
        await asyncio.sleep(pause)
        pause *= 2
        await _look_again(target, batch, heads)


async def _look_again(target: Target, batch: _Batch, heads: dict[str, Head]) -> None:
    """The heads of the persons of a batch as they are now, which only this migration, run here or elsewhere, may have moved."""
    found = await target.heads_now(sorted(batch.by_person))
    for person_id, waiting in batch.by_person.items():
        head = found.get(person_id, Head())
        if head.stream_sequence == heads[person_id].stream_sequence:
            continue
        ours = {one.sequence: one.message.message_id for one in waiting}
        last = waiting[-1].sequence
        there = head.event_id if head.sequence <= last else await target.id_at(person_id, last)
        if there != ours.get(min(head.sequence, last)):
            raise MigrationStoppedError(f"somebody else writes events of person {person_id}; run the migration again")
        heads[person_id] = head


def _message(document: Mapping[str, Any], person_id: str, sequence: int) -> EventMessage:
    spec = EVENTS[document["type"]]
    written = {
        **{name: value for name, value in document.items() if value is not None},
        "specversion": SPEC_VERSION,
        "datacontenttype": CONTENT_TYPE,
        "source": document.get("source") or EVENT_SOURCE,
        "sequence": sequence,
        "data": _marked(document["data"]),
    }
    subject = EventSubject(spec.context, spec.name, person_id)
    return EventMessage(str(subject), orjson.dumps(written, option=orjson.OPT_SORT_KEYS), document["id"])


def _marked(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event that says that it was migrated: what it tells starts nothing any more."""
    return {**data, "context": {**data.get("context", {}), MIGRATED: True}}
