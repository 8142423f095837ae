"""get_timeline: what happened to a person, with what happened to the persons that were merged into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, WithJsonSchema

from domain.event_catalogue import EVENTS
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, Query, QueryError, covering
from queries.merged_rows import Chunk, NextChunk, merged_rows
from queries.person_id import PersonId
from queries.quarantine import TIMELINE, require_applied
from queries.redirects import OfPerson, follow, moved, present
from queries.tables_of_worker import WorkerTables

CHUNK = 100
"""Entries that one partition is asked for at a time."""
SCANNED_AT_ONCE = 2000
"""Entries that one question looks at; the loop of the worker is not held up for longer."""
MAX_ENTRIES = 10_000
"""Entries in an answer of one message."""


CATEGORIES = sorted({spec.context for spec in EVENTS.values()})


def _event_type(text: str) -> str:
    if text not in EVENTS:
        raise ValueError("no such type of events")
    return text


def _category(text: str) -> str:
    if text not in CATEGORIES:
        raise ValueError(f"a category is one of {', '.join(CATEGORIES)}")
    return text


EventType = Annotated[str, AfterValidator(_event_type), WithJsonSchema({"type": "string", "enum": sorted(EVENTS)})]
Category = Annotated[str, AfterValidator(_category), WithJsonSchema({"type": "string", "enum": CATEGORIES})]


class GetTimeline(OfPerson):
    """get_timeline: the entries of one person."""

    from_: AwareDatetime | None = Field(None, alias="from")
    to: AwareDatetime | None = None
    types: tuple[EventType, ...] = ()
    categories: tuple[Category, ...] = ()
    order: Literal["asc", "desc"] = "desc"
    include_absorbed: bool = True


class Absorbed(OfPerson):
    """Whose entries belong to the timeline of a person."""

    include_absorbed: bool = True


class Entries(Query):
    """Some entries of one person behind a row key, or before it when the newest come first."""

    person_id: PersonId
    asked: GetTimeline
    after: str | None = None
    limit: int = CHUNK


async def get_timeline(ask: Ask, query: GetTimeline) -> Answer:
    """All entries in the asked order."""
    timeline = await _Timeline.of(ask, query)
    entries: list[Any] = []
    async for entry in timeline.entries():
        if len(entries) == MAX_ENTRIES:
            raise QueryError("overloaded", f"more than {MAX_ENTRIES} entries; ask for a part or for a stream")
        entries.append(entry)
    positions = list(covering(timeline.positions))
    return Answer(entries, positions, redirected_from=timeline.redirected_from)


async def timeline_rows(ask: Ask, query: GetTimeline) -> AsyncIterator[Any]:
    """The entries one by one."""
    async for entry in (await _Timeline.of(ask, query)).entries():
        yield entry


class _Timeline:
    def __init__(
        self, ask: Ask, query: GetTimeline, persons: Sequence[str], positions: list[Any], redirected_from: str | None
    ) -> None:
        self._ask = ask
        self._query = query
        self._persons = persons
        self.positions = positions
        self.redirected_from = redirected_from

    @classmethod
    async def of(cls, ask: Ask, query: GetTimeline) -> _Timeline:
        found = await follow(ask, ABSORBED, Absorbed(person_id=query.person_id, **query.frame()))
        persons = [found.person_id]
        pending = list(found.data)
        while query.include_absorbed and pending:
            source = pending.pop()
            if source not in persons:
                persons.append(source)
                request = Absorbed(person_id=source, **query.frame())
                pending += (await ask.one(SOURCES, ask.partition_of(source), request)).data
        return cls(ask, query, persons, found.positions, found.redirected_from)

    def entries(self) -> AsyncIterator[Any]:
        sources = [self._entries_of(person_id) for person_id in self._persons]
        return merged_rows(sources, _place, descending=self._query.order == "desc")

    def _entries_of(self, person_id: str) -> NextChunk:
        return partial(self._chunk, person_id)

    async def _chunk(self, person_id: str, after: str | None) -> Chunk:
        request = Entries(person_id=person_id, asked=self._query, after=after, **self._query.frame())
        found = await self._ask.one(ENTRIES, self._ask.partition_of(person_id), request)
        self.positions.append(found.position)
        return Chunk(found.data["entries"], found.data["after"])


def _place(entry: Any) -> tuple[datetime, str, int, int]:
    return datetime.fromisoformat(entry["at"]), entry["person_id"], entry["sequence"], entry["part"]


async def _absorbed(tables: WorkerTables, partition: int, query: Absorbed) -> Any:
    require_applied(tables, partition, query, query.person_id, TIMELINE)
    person = present(tables, partition, query.person_id)
    return moved(person) or sorted(person.absorbed)


async def _sources(tables: WorkerTables, partition: int, query: Absorbed) -> Any:
    """Whom an absorbed person had absorbed itself; it is not asked whether it may be shown, since its entries are."""
    return sorted(tables.persons.read(partition, query.person_id).person.absorbed)


async def _entries(tables: WorkerTables, partition: int, query: Entries) -> Any:
    asked = query.asked
    after = None if query.after is None else query.after.encode()
    kept: list[Any] = []
    entries = tables.timeline.entries(partition, query.person_id, after=after, descending=asked.order == "desc")
    for number, (key, entry) in enumerate(entries, 1):
        if _is_asked_for(asked, entry):
            kept.append(entry)
        if len(kept) == query.limit or number == SCANNED_AT_ONCE:
            return {"entries": kept, "after": key.decode()}
    return {"entries": kept, "after": None}


def _is_asked_for(asked: GetTimeline, entry: Any) -> bool:
    at = datetime.fromisoformat(entry["at"])
    return (
        (asked.from_ is None or at >= asked.from_)
        and (asked.to is None or at <= asked.to)
        and (not asked.types or entry["type"] in asked.types)
        and (not asked.categories or entry["category"] in asked.categories)
    )


ABSORBED = Read("absorbed", Absorbed, _absorbed)
SOURCES = Read("absorbed_sources", Absorbed, _sources)
ENTRIES = Read("timeline_entries", Entries, _entries)
ENDPOINT = Endpoint("get_timeline", GetTimeline, get_timeline, (ABSORBED, SOURCES, ENTRIES), timeline_rows)
