"""get_view: the persons that have a component view, in the order of their ids, page by page or as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from pydantic import Field

from queries import cursor as cursors
from queries.endpoint import Ask, Endpoint, Read
from queries.filters import Filters
from queries.frame import Answer, Page, Query, covering
from queries.index.view_listing import having_view
from queries.indexed import ask_index
from queries.merged_rows import Chunk, NextChunk, merged_rows
from queries.models import View, of_view
from queries.tables_of_worker import WorkerTables

NAME = "get_view"


class GetView(Query):
    """get_view: rows of one component view."""

    view: View
    filters: Filters = Filters()
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


class ViewRows(Query):
    """Some rows of one partition behind a person id."""

    view: View
    filters: Filters
    after: str = ""
    limit: int


async def get_view(ask: Ask, query: GetView) -> Answer:
    """One page. Rows are ordered by person id, so a page goes on behind the last row whatever was added or removed."""
    after = "" if query.cursor is None else cursors.resume(NAME, query, query.cursor)
    listing = _Listing(ask, query, after, query.limit + 1)
    rows: list[Any] = []
    async for row in listing.rows():
        rows.append(row)
        if len(rows) > query.limit:
            break
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    behind = cursors.issue(NAME, query, rows[-1]["person_id"]) if more else None
    return Answer(rows, list(covering(listing.positions)), Page(query.limit, behind))


async def view_rows(ask: Ask, query: GetView) -> AsyncIterator[Any]:
    """All rows, one by one."""
    async for row in _Listing(ask, query, "", 200).rows():
        yield row


class _Listing:
    def __init__(self, ask: Ask, query: GetView, after: str, chunk: int) -> None:
        self._ask = ask
        self._query = query
        self._after = after
        self._chunk_rows = chunk
        self.positions: list[dict[str, int]] = []

    def rows(self) -> AsyncIterator[Any]:
        sources: list[NextChunk] = [partial(self._chunk, partition) for partition in range(self._ask.partitions)]
        return merged_rows(sources, lambda row: str(row["person_id"]))

    async def _chunk(self, partition: int, after: str | None) -> Chunk:
        request = ViewRows(
            view=self._query.view,
            filters=self._query.filters,
            after=self._after if after is None else after,
            limit=self._chunk_rows,
            **self._query.frame(),
        )
        found = await self._ask.one(VIEW_ROWS, partition, request)
        self.positions.append(found.position)
        return Chunk(found.data["rows"], found.data["after"])


async def _view_rows(tables: WorkerTables, partition: int, query: ViewRows) -> Any:
    statement = having_view(query.view, query.filters, query.after, query.limit)
    person_ids = await ask_index(tables, partition, *statement)
    rows = (tables.views.read(partition, person_id) for person_id in person_ids)
    # A row may be newer than the index that led to it.
    found = [narrowed for row in rows if row is not None and (narrowed := of_view(row, query.view)) is not None]
    return {"rows": found, "after": person_ids[-1] if len(person_ids) == query.limit else None}


VIEW_ROWS = Read("view_rows", ViewRows, _view_rows, indexed=True)
ENDPOINT = Endpoint(NAME, GetView, get_view, (VIEW_ROWS,), view_rows)
