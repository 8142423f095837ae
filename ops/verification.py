"""Compares the tables with an independent fold of JetStream, person by person.

Guarantee: it reads the stream itself from the first event to where it ended at the start of the check, and the tables through
queries that must reflect at least that position; it shares no state with the lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from nats.aio.client import Client

from bridge.jetstream import api
from config.streams import EVENTS
from domain.events import Event, read_event
from domain.person import Person
from domain.subjects import parse_event_subject
from domain.views.person_view import person_view
from ops.client import PersonClient, QueryFailed
from ops.model_rows import CHANGED_BY, PersonModels, statistics_of

CONCURRENT_PERSONS = 32
DAYS_PER_QUERY = 100


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

    models: PersonModels
    stream_sequence: int = 0
    event_ids: list[str] = field(default_factory=list)

    @property
    def person(self) -> Person:
        """The state."""
        return self.models.person

    @property
    def partition(self) -> int:
        """Where the person lives."""
        return self.models.partition


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
    await compare_statistics(client, folded.values(), result, timeout_ms=timeout_ms)
    return result


def fold(stored: Iterable[tuple[str, int, Event]], folded: dict[str, Folded], result: Verification) -> None:
    """Fold events that follow those that `folded` holds; an event that is stored twice or out of order is told in `result`."""
    for subject, stream_sequence, event in stored:
        result.events += 1
        partition = parse_event_subject(subject).partition
        assert partition is not None, subject
        one = folded.get(event.person_id)
        if one is None:
            one = folded[event.person_id] = Folded(PersonModels(Person.new(event.person_id), partition))
        if event.id in one.event_ids:
            result.duplicated += 1
        if event.sequence != one.person.version + 1:
            result.differences.append(
                f"{event.person_id}: sequence {event.sequence} follows {one.person.version} in the stream"
            )
            continue
        one.models.apply(event, stream_sequence)
        one.stream_sequence = stream_sequence
        one.event_ids.append(event.id)
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


async def compare_statistics(
    client: PersonClient, persons: Collection[Folded], result: Verification, *, timeout_ms: int = 10_000
) -> None:
    """Ask for the days on which something happened to all persons there are, and compare the counts of each partition."""
    expected = statistics_of(one.models for one in persons)
    reached: dict[int, int] = {}
    for one in persons:
        reached[one.partition] = max(one.stream_sequence, reached.get(one.partition, 0))
    positions = [{"partition": partition, "stream_sequence": sequence} for partition, sequence in reached.items()]
    days = sorted({day for _, day in expected})
    found: dict[tuple[int, str], Any] = {}
    for start in range(0, len(days), DAYS_PER_QUERY):
        asked = {"projection": "statistics", "keys": days[start : start + DAYS_PER_QUERY], "min_position": positions}
        for row in (await client.query("get_projection", asked, timeout_ms=timeout_ms))["data"]:
            found[row["position"]["partition"], row["day"]] = row
    for (partition, day), counts in expected.items():
        row = found.get((partition, day), {})
        if any(row.get(name) != value for name, value in counts.items()):
            result.differences.append(f"statistics of {day} in partition {partition} differ from the stream")


async def _compare(client: PersonClient, one: Folded, result: Verification, timeout_ms: int) -> None:
    person_id = one.person.person_id
    position = {"partition": one.partition, "stream_sequence": one.stream_sequence}

    async def ask(endpoint: str, **request: Any) -> dict[str, Any]:
        return await client.query(endpoint, {**request, "min_position": position}, timeout_ms=timeout_ms)

    try:
        if one.person.is_erased:
            await _compare_erased(ask, one, result)
        elif one.person.merged_into is not None:
            found = await ask("get_projection", projection="summary", key=person_id)
            if found.get("redirected_from") != person_id:
                result.differences.append(f"{person_id}: is merged, and the answer is no redirect")
        else:
            await _compare_rows(ask, one, result)
    except QueryFailed as error:
        result.lost += len(one.event_ids)
        result.differences.append(f"{person_id}: {error.code}")


async def _compare_erased(ask: Callable[..., Awaitable[Any]], one: Folded, result: Verification) -> None:
    try:
        await ask("get_by_id", person_id=one.person.person_id)
    except QueryFailed as error:
        if error.code != "gone":
            raise
    else:
        result.differences.append(f"{one.person.person_id}: is erased, and there is an answer")


async def _compare_rows(ask: Callable[..., Awaitable[Any]], one: Folded, result: Verification) -> None:
    person_id = one.person.person_id
    person = (await ask("get_by_id", person_id=person_id))["data"]
    if person != _as_json(person_view(one.person, ("summary", "components"))):
        result.differences.append(f"{person_id}: persons differs from the stream")
        result.lost += 1
    for model in CHANGED_BY:
        expected = one.models.row(model)
        try:
            row = (await ask("get_projection", projection=model, key=person_id))["data"][0]
        except QueryFailed as error:
            if error.code != "not_found" or expected is not None:
                raise
            continue
        for name in {**(expected or {}), **row}:
            if expected is None or row.get(name) != expected.get(name):
                result.differences.append(f"{person_id}: {model}.{name} differs from the stream")
                result.lost += 1
    entries = (await ask("get_timeline", person_id=person_id, order="asc", include_absorbed=False))["data"]
    told = one.models.entries()
    shown = [(entry["sequence"], entry["part"]) for entry in entries]
    result.duplicated += len(shown) - len(set(shown))
    missing = {(entry["sequence"], entry["part"]) for entry in told} - set(shown)
    if missing:
        result.lost += len(missing)
        result.differences.append(f"{person_id}: timeline lacks {len(missing)} entries")
    elif entries != told:
        result.differences.append(f"{person_id}: timeline differs from the stream")


def _as_json(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
