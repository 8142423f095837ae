"""Compares the tables with an independent fold of JetStream, person by person.

Guarantee: it reads the stream itself from the first event to where it ended at the start of the check, and the tables through
queries that must reflect at least that position; it shares no state with the lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from nats.aio.client import Client

from bridge.jetstream import api
from config.streams import EVENTS
from domain.events import Event, read_event
from domain.evolve import apply
from domain.person import Person
from domain.subjects import parse_event_subject
from domain.views.person_view import person_view
from domain.views.summary import render_summary
from domain.views.timeline import timeline_entry
from ops.client import PersonClient, QueryFailed

CONCURRENT_PERSONS = 32


@dataclass
class Verification:
    """`lost`: events without effect in a table; `duplicated`: events that are stored or shown more than once."""

    persons: int = 0
    events: int = 0
    lost: int = 0
    duplicated: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every table equals the fold of the stream."""
        return not (self.lost or self.duplicated or self.differences)


@dataclass
class Folded:
    """One person as the stream tells it."""

    person: Person
    partition: int = 0
    stream_sequence: int = 0
    event_ids: list[str] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    """The timeline, with the position of each event."""


async def read_all(nc: Client) -> list[tuple[str, int, Event]]:
    """Every stored event up to the present end: subject, stream sequence, event."""
    last = int((await api(nc, f"STREAM.INFO.{EVENTS}"))["state"]["last_seq"])
    found: list[tuple[str, int, Event]] = []
    if last == 0:
        return found
    subscription = await nc.jetstream().subscribe("person.events.>", stream=EVENTS, ordered_consumer=True)
    try:
        while not found or found[-1][1] < last:
            message = await subscription.next_msg(timeout=10)
            found.append(
                (message.subject, message.metadata.sequence.stream, read_event(message.data, subject=message.subject))
            )
    finally:
        await subscription.unsubscribe()
    return found


async def verify(client: PersonClient, *, timeout_ms: int = 10_000) -> Verification:
    """Compare all persons; differences name person and field only."""
    result = Verification()
    folded: dict[str, Folded] = {}
    fold(await read_all(client.nc), folded, result)
    await compare_persons(client, folded.values(), result, timeout_ms=timeout_ms)
    return result


def fold(stored: Iterable[tuple[str, int, Event]], folded: dict[str, Folded], result: Verification) -> None:
    """Fold events that follow those that `folded` holds; an event that is stored twice or out of order is told in `result`."""
    for subject, stream_sequence, event in stored:
        result.events += 1
        one = folded.setdefault(event.person_id, Folded(Person.new(event.person_id)))
        partition = parse_event_subject(subject).partition
        assert partition is not None, subject
        one.partition = partition
        if event.id in one.event_ids:
            result.duplicated += 1
        if event.sequence != one.person.version + 1:
            result.differences.append(
                f"{event.person_id}: sequence {event.sequence} follows {one.person.version} in the stream"
            )
            continue
        one.person = apply(one.person, event)
        one.stream_sequence = stream_sequence
        one.event_ids.append(event.id)
        position = {"partition": partition, "stream_sequence": stream_sequence}
        one.entries += [
            _as_json({**timeline_entry(current, part), "position": position})
            for part, current in enumerate(event.parts)
        ]
    result.persons = len(folded)


async def compare_persons(
    client: PersonClient, persons: Iterable[Folded], result: Verification, *, timeout_ms: int = 10_000
) -> None:
    """Ask for every table row of some persons and compare it with their fold; what differs is told in `result`."""
    slots = asyncio.Semaphore(CONCURRENT_PERSONS)

    async def compare(one: Folded) -> None:
        async with slots:
            await _compare(client, one, result, timeout_ms)

    async with asyncio.TaskGroup() as group:
        for one in persons:
            group.create_task(compare(one))


async def _compare(client: PersonClient, one: Folded, result: Verification, timeout_ms: int) -> None:
    person_id = one.person.person_id
    position = {"partition": one.partition, "stream_sequence": one.stream_sequence}
    try:
        asked = {"min_position": position}
        person = (await client.query("get_by_id", {"person_id": person_id, **asked}, timeout_ms=timeout_ms))["data"]
        summary = (
            await client.query(
                "get_projection", {"projection": "summary", "key": person_id, **asked}, timeout_ms=timeout_ms
            )
        )["data"][0]
        entries = (
            await client.query("get_timeline", {"person_id": person_id, "order": "asc", **asked}, timeout_ms=timeout_ms)
        )["data"]
    except QueryFailed as error:
        result.lost += len(one.event_ids)
        result.differences.append(f"{person_id}: {error.code}")
        return
    if person != _as_json(person_view(one.person, ("summary", "components"))):
        result.differences.append(f"{person_id}: persons differs from the stream")
        result.lost += 1
    expected = _as_json(render_summary(one.person))
    for name, value in expected.items():
        if summary.get(name) != value:
            result.differences.append(f"{person_id}: summary.{name} differs from the stream")
            result.lost += 1
    shown = [(entry["sequence"], entry["part"]) for entry in entries]
    result.duplicated += len(shown) - len(set(shown))
    missing = {(entry["sequence"], entry["part"]) for entry in one.entries} - set(shown)
    if missing:
        result.lost += len(missing)
        result.differences.append(f"{person_id}: timeline lacks {len(missing)} entries")
    elif entries != one.entries:
        result.differences.append(f"{person_id}: timeline differs from the stream")


def _as_json(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
