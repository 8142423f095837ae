"""get_projection: rows of one read model by key, as they stand in its table."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from domain.ids import is_person_id
from domain.links import parse_link
from domain.views.activity import activity_row
from queries.endpoint import Ask, Endpoint, Found, Read
from queries.frame import Answer, Query, QueryError, covering
from queries.linked import LINKED, WHO_IS, LinkedWith, persons_linked
from queries.models import PERSON_MODELS, View, agents_of, of_view
from queries.quarantine import require_applied
from queries.redirects import MAX_HOPS
from queries.tables_of_worker import WorkerTables

MAX_ENTRIES = 10_000
"""Entries of a timeline in one row set; the loop of the worker is not held up for more."""

Projection = Literal["summary", "search", "skills", "network", "timeline", "views", "statistics", "links", "activity"]


class GetProjection(Query):
    """get_projection: rows of one read model by key: a person id, a UTC day for `statistics`, `<kind>:<foreign id>` for `links`."""

    projection: Projection
    key: str | None = None
    keys: tuple[str, ...] = Field((), max_length=100)
    view: View | None = None

    @model_validator(mode="after")
    def _keys_of_the_model(self) -> GetProjection:
        if (self.key is None) == (not self.keys):
            raise ValueError("give either key or keys")
        if self.view is not None and self.projection != "views":
            raise ValueError("view is for the projection views only")
        for key in self.asked:
            if self.projection == "statistics":
                _require_day(key)
            elif self.projection == "links":
                parse_link(key)
            elif not is_person_id(key):
                raise ValueError("a key must be a lower-case hyphenated UUID, neither nil nor max")
        return self

    @property
    def asked(self) -> Sequence[str]:
        """All keys, each once."""
        return tuple(dict.fromkeys(self.keys)) if self.key is None else (self.key,)


class RowsOf(Query):
    """The rows of some keys of one partition."""

    projection: Projection
    keys: tuple[str, ...]
    view: View | None = None


class _RowsFound(BaseModel):
    """What a partition has of the asked keys."""

    rows: list[Any] = []
    merged: dict[str, str] = {}
    erased: list[str] = []


async def get_projection(ask: Ask, query: GetProjection) -> Answer:
    """The rows of all keys; a key without a row is left out, a merged person is replaced by whom it was merged into."""
    if query.projection == "statistics":
        return await _statistics(ask, query)
    if query.projection == "links":
        return await _links(ask, query)
    rows: list[Any] = []
    positions: list[dict[str, int]] = []
    erased: list[str] = []
    origin = {key: key for key in query.asked}
    redirected: list[str] = []
    pending = list(query.asked)
    for _ in range(MAX_HOPS + 1):
        merged: dict[str, str] = {}
        for found in await _of_owners(ask, query, pending):
            positions.append(found.position)
            part = _RowsFound.model_validate(found.data)
            rows += part.rows
            erased += part.erased
            merged |= part.merged
        redirected += [origin[source] for source in merged if origin[source] not in redirected]
        pending = [target for target in dict.fromkeys(merged.values()) if target not in origin]
        origin |= {target: origin[source] for source, target in merged.items() if target not in origin}
        if not pending:
            break
    if query.key is not None and not rows:
        if erased:
            raise QueryError("gone", "the person was erased", field="key")
        raise QueryError("not_found", "no row under this key", field="key")
    named = query.key if query.key in redirected else redirected or None
    return Answer(rows, list(covering(positions)), redirected_from=named)


async def _of_owners(ask: Ask, query: GetProjection, keys: Sequence[str]) -> Sequence[Found]:
    by_partition: dict[int, list[str]] = {}
    for key in keys:
        by_partition.setdefault(ask.partition_of(key), []).append(key)
    return await asyncio.gather(
        *(
            ask.one(
                ROWS,
                partition,
                RowsOf(projection=query.projection, keys=tuple(same), view=query.view, **query.frame()),
            )
            for partition, same in sorted(by_partition.items())
        )
    )


async def _statistics(ask: Ask, query: GetProjection) -> Answer:
    request = RowsOf(projection=query.projection, keys=tuple(query.asked), **query.frame())
    gathered = await ask.reachable(ROWS, request)
    rows = [row for found in gathered.found for row in found.data["rows"]]
    if query.key is not None and not rows:
        raise QueryError("not_found", "no row under this key", field="key")
    return Answer(rows, [found.position for found in gathered.found], silent=gathered.silent)


async def _links(ask: Ask, query: GetProjection) -> Answer:
    """Derived, so there is no table to read: a row for each key under which somebody is linked."""
    links = [parse_link(key) for key in query.asked]
    found = await asyncio.gather(
        *(persons_linked(ask, LinkedWith(kind=one.kind, foreign_id=one.foreign_id, **query.frame())) for one in links)
    )
    rows = [
        {"key": str(link), "kind": link.kind, "foreign_id": link.foreign_id, "person_ids": list(one.person_ids)}
        for link, one in zip(links, found, strict=True)
        if one.person_ids
    ]
    if query.key is not None and not rows:
        raise QueryError("not_found", "no row under this key", field="key")
    positions = [position for one in found for position in one.positions]
    return Answer(rows, list(covering(positions)), silent=sorted({number for one in found for number in one.silent}))


async def _rows(tables: WorkerTables, partition: int, query: RowsOf) -> Any:
    found = _RowsFound()
    for key in query.keys:
        if query.projection == "statistics":
            row = tables.statistics.read(partition, key)
            found.rows += [] if row is None else [row]
            continue
        require_applied(tables, partition, query, key, agents_of(query.projection))
        person = tables.persons.read(partition, key).person
        if person.is_erased:
            found.erased.append(key)
        elif person.merged_into is not None:
            found.merged[key] = person.merged_into
        else:
            found.rows += _rows_of_person(tables, partition, query, key)
    return found.model_dump()


def _rows_of_person(tables: WorkerTables, partition: int, query: RowsOf, person_id: str) -> Sequence[Any]:
    if query.projection == "timeline":
        entries = tables.timeline.read(partition, person_id, limit=MAX_ENTRIES + 1)
        if len(entries) > MAX_ENTRIES:
            raise QueryError("overloaded", f"more than {MAX_ENTRIES} entries; ask get_timeline for a part or a stream")
        return entries
    if query.projection == "activity":
        return _activity(tables, partition, person_id)
    row = PERSON_MODELS[query.projection](tables).read(partition, person_id)
    if row is not None and query.view is not None:
        row = of_view(row, query.view)
    return [] if row is None else [row]


def _activity(tables: WorkerTables, partition: int, person_id: str) -> Sequence[Any]:
    """Rendered when it is asked for: nearly every event changes it, and hardly anybody reads it."""
    held = tables.persons.read(partition, person_id)
    row = activity_row(held.person)
    if row is None:
        return []
    position = {"partition": partition, "stream_sequence": held.stream_sequence}
    return [{**row, "sequence": held.person.version, "position": position}]


def _require_day(key: str) -> None:
    try:
        date.fromisoformat(key)
    except ValueError:
        raise ValueError("a key of statistics must be a day, YYYY-MM-DD") from None


ROWS = Read("rows_by_key", RowsOf, _rows)
ENDPOINT = Endpoint("get_projection", GetProjection, get_projection, (ROWS, LINKED, WHO_IS))
