"""get_events: the stored events of a person, each as it is read today and as it was stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
from pydantic import Field

from agents.reading import Arrival
from domain.events import write_event
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, Page
from queries.redirects import OfPerson, present
from queries.tables_of_worker import WorkerTables

CHUNK = 50


class GetEvents(OfPerson):
    """get_events: the events of one person from a sequence on."""

    from_sequence: int = Field(1, ge=1)
    limit: int = Field(50, ge=1, le=500)


class EventsOf(GetEvents):
    """The same behind a place in the stream, where the event `from_sequence` lies."""

    after: int = Field(0, ge=0)


async def get_events(ask: Ask, query: GetEvents) -> Answer:
    """Events in their order. The events of a merged person are its own, so that its log can be checked."""
    found = await ask.one(EVENTS, ask.partition_of(query.person_id), _of(query, query.limit))
    return Answer(found.data, [found.position], Page(query.limit))


async def event_rows(ask: Ask, query: GetEvents) -> AsyncIterator[Any]:
    """All events from the sequence on, one by one."""
    chunk = _of(query, CHUNK)
    while True:
        events = (await ask.one(EVENTS, ask.partition_of(query.person_id), chunk)).data
        for event in events:
            yield event
        if len(events) < CHUNK:
            return
        # Not behind its sequence, which bytes that nobody can read share with the event before them.
        last = events[-1]
        chunk = chunk.model_copy(update={"from_sequence": last["sequence"], "after": last["stream_sequence"]})


def _of(query: GetEvents, limit: int) -> EventsOf:
    asked = {"person_id": query.person_id, "from_sequence": query.from_sequence, "limit": limit}
    return EventsOf(**asked, **query.frame())


async def _events(tables: WorkerTables, partition: int, query: EventsOf) -> Any:
    present(tables, partition, query.person_id)
    found: list[Any] = []
    sequence, before = query.from_sequence, query.after
    if not before:
        sequence, before = 0, tables.timeline.stream_sequence(partition, query.person_id, query.from_sequence - 1)
    async for arrival in tables.log.arrivals(query.person_id, after=before):
        row = _row(arrival)
        # Bytes that nobody can read stand where they were stored, under the sequence of the event before them.
        sequence = row["sequence"] = row["sequence"] or sequence
        if sequence >= query.from_sequence:
            found.append(row)
        if len(found) == query.limit:
            break
    return found


def _row(arrival: Arrival) -> dict[str, Any]:
    """`events` are what the stored bytes mean today: usually one event, none or several for one of an old version."""
    event = arrival.event
    return {
        "sequence": None if event is None else event.sequence,
        "stream_sequence": arrival.stream_sequence,
        "events": [] if event is None else [orjson.loads(write_event(part)) for part in event.parts],
        "unreadable": None if arrival.error is None else str(arrival.error),
        "stored": arrival.record.value.decode(errors="replace"),
    }


EVENTS = Read("events", EventsOf, _events)
ENDPOINT = Endpoint("get_events", GetEvents, get_events, (EVENTS,), event_rows)
