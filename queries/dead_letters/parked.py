"""Parked persons as dead letters: read at the owners of their partitions, edited, redriven and discarded there."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import AwareDatetime

from agents.reading import EventLog
from bridge.letter_acts import Place
from config.streams import EVENTS
from domain.events import read_event
from domain.undecodable import Undecodable
from queries.dead_letters.handling import Occasion, Redriven, broken, broken_as_told
from queries.dead_letters.letter_id import ParkedId
from queries.dead_letters.owner_requests import DiscardRequest, RedriveRequest, ReplaceRequest
from queries.dead_letters.owners import Owners
from queries.dead_letters.preview import PREVIEW, PreviewParked
from queries.dead_letters.requests import DeadLetterFilters
from queries.dead_letters.rows import Row, of_parked
from queries.endpoint import Read
from queries.frame import QueryError
from queries.tables_of_worker import WorkerTables

SHOWN_EVENTS: Final = 50


class ParkedRows(DeadLetterFilters):
    """Rows of one partition behind a place in their order."""

    after: tuple[AwareDatetime, str] | None = None
    limit: int


class ParkedCounts(DeadLetterFilters):
    """How many rows of one partition pass."""

    now: AwareDatetime


def _passing(tables: WorkerTables, partition: int, filters: DeadLetterFilters) -> list[Row]:
    found = []
    for agent, person_id, row in tables.quarantine.rows(partition, filters.agent):
        if row.parked is not None:
            one = of_parked(agent, person_id, row.parked)
            if one.passes(filters):
                found.append(one)
    return found


async def _rows(tables: WorkerTables, partition: int, query: ParkedRows) -> list[dict[str, Any]]:
    passing = _passing(tables, partition, query)
    behind = [one for one in passing if query.after is None or one.order > query.after]
    return [one.told() for one in heapq.nsmallest(query.limit, behind, key=lambda one: one.order)]


async def _counts(tables: WorkerTables, partition: int, query: ParkedCounts) -> dict[str, Any]:
    return counted(_passing(tables, partition, query), query.now)


ROWS = Read("dead_letter_rows", ParkedRows, _rows)
COUNTS = Read("dead_letter_counts", ParkedCounts, _counts)

AGES: Final = ((3600, "under_1h"), (86_400, "under_1d"), (7 * 86_400, "under_7d"))


def counted(rows: list[Row], now: datetime) -> dict[str, Any]:
    """How many rows there are, and how many by each of their words."""
    by: dict[str, Counter[str]] = {name: Counter() for name in ("kind", "route", "agent", "cause", "age")}
    for row in rows:
        for name in ("kind", "route", "agent", "cause"):
            by[name][getattr(row, name)] += 1
        by["age"][_age(row, now)] += 1
    oldest = min((row.since for row in rows), default=None)
    return {
        "letters": len(rows),
        "waiting": sum(row.waiting for row in rows),
        "oldest": None if oldest is None else oldest.isoformat(),
        **{f"by_{name}": dict(counts) for name, counts in by.items()},
    }


def _age(row: Row, now: datetime) -> str:
    seconds = (now - row.since).total_seconds()
    return next((name for bound, name in AGES if seconds < bound), "older")


class ParkedPersons:
    """What can be done to parked persons, by any worker."""

    def __init__(self, log: EventLog, owners: Owners) -> None:
        self._log = log
        self._owners = owners

    async def row(self, name: ParkedId, occasion: Occasion) -> Row | None:
        """Where a person is parked now; None when it is not, or at another event than the one that is named."""
        filters = ParkedRows(person_id=name.person_id, agent=name.agent, limit=1)
        found = await occasion.ask.one(ROWS, occasion.ask.partition_of(name.person_id), filters)
        for told in found.data:
            row = Row(**{**told, "since": datetime.fromisoformat(told["since"])})
            if name.stream_sequence in (None, row.stream_sequence):
                return row
        return None

    async def events(self, row: Row, *, with_data: bool) -> AsyncIterator[dict[str, Any]]:
        """The first of the events that wait, as the stream holds them."""
        shown = 0
        async for arrival in self._log.arrivals(str(row.person_id), after=(row.stream_sequence or 1) - 1):
            if shown == min(SHOWN_EVENTS, row.waiting):
                return
            shown += 1
            event: dict[str, Any] = {
                "stream_sequence": arrival.stream_sequence,
                **_envelope(arrival.record.value),
                "error": None if arrival.error is None else f"{arrival.error.cause}: {arrival.error.reason}",
            }
            if with_data:
                event["data"] = arrival.record.value.decode(errors="replace")
            yield event

    async def check(self, row: Row, copy: bytes) -> str:
        """The edited copy as text; raises QueryError that names field and rule for one that cannot stand for the event."""
        arrival = await self._log.at(row.stream_sequence or 0)
        if arrival is None:
            raise QueryError("not_found", "the stream no longer holds the event", field="letter")
        subject = arrival.record.headers["nats-subject"].decode()
        try:
            text = copy.decode()
            event = read_event(copy, subject=subject)
        except UnicodeDecodeError:
            raise broken("data", "utf8") from None
        except Undecodable as error:
            raise broken_as_told(error.reason) from None
        if event.person_id != row.person_id:
            raise broken("subject", "the person of the event stays")
        before = _envelope(arrival.record.value)
        for field, now in (("id", event.id), ("sequence", event.sequence)):
            if before[field] is not None and before[field] != now:
                raise broken(field, "stays as it was")
        return text

    async def preview(self, row: Row, occasion: Occasion, instead: str | None) -> dict[str, Any]:
        """What a redrive would change."""
        partition = occasion.ask.partition_of(str(row.person_id))
        asked = PreviewParked(
            agent=row.agent,
            person_id=str(row.person_id),
            stream_sequence=row.stream_sequence,
            instead=instead,
            with_data=occasion.with_data,
            timeout_ms=int(occasion.timeout_s * 1000),
        )
        found: dict[str, Any] = (await occasion.ask.one(PREVIEW, partition, asked)).data
        return found

    async def redrive(self, row: Row, occasion: Occasion, copy_act: int | None) -> Redriven:
        """Let the person flow; with an edited copy, that is taken first."""
        whom = {"agent": row.agent, "person_id": str(row.person_id)}
        if copy_act is None:
            done = await self._act(occasion, RedriveRequest(act="redrive", **whom))
        else:
            at = row.stream_sequence or 1
            replace = ReplaceRequest(act="replace", stream_sequence=at, by=occasion.by, copy_act=copy_act, **whom)
            done = await self._act(occasion, replace)
        return _redriven(done)

    async def discard(self, row: Row, occasion: Occasion) -> Redriven:
        """Leave the event out and redrive what waits behind it."""
        request = DiscardRequest(
            act="discard",
            agent=row.agent,
            person_id=str(row.person_id),
            stream_sequence=row.stream_sequence or 1,
            by=occasion.by,
            why=occasion.why,
        )
        return _redriven(await self._act(occasion, request))

    async def _act(
        self, occasion: Occasion, request: RedriveRequest | ReplaceRequest | DiscardRequest
    ) -> dict[str, Any]:
        return await self._owners.act(occasion.ask.partition_of(request.person_id), request, occasion.timeout_s)


def place_of(row: Row) -> Place:
    """What an act on a parked person is about: its first event. A copy of it counts for every agent that is parked there."""
    return Place(row.agent, EVENTS, str(row.stream_sequence))


def _redriven(done: dict[str, Any]) -> Redriven:
    parked = done["parked"]
    if parked is None:
        return Redriven(True, events=done["events"])
    return Redriven(False, events=done["events"], cause=parked["cause"], reason=parked["reason"], parked=parked)


def _envelope(data: bytes) -> dict[str, Any]:
    """What may be shown of an event: no data."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        return {"id": None, "type": None, "sequence": None}
    return {name: document.get(name) for name in ("id", "type", "sequence")}
