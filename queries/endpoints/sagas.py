"""list_sagas: sagas of all persons, those that have changed least recently first, page by page or as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from pydantic import Field

from queries import cursor as cursors
from queries.endpoint import Ask, Endpoint
from queries.frame import Answer, Page, Query, covering
from queries.merged_rows import Chunk, NextChunk, merged_rows
from queries.saga_rows import FIRST, SAGA_ROWS, SagaFilters, SagaRows

NAME = "list_sagas"
CHUNK = 200


class ListSagas(SagaFilters):
    """list_sagas: sagas by status, name, step, person and age, stalest first."""

    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


async def list_sagas(ask: Ask, query: ListSagas) -> Answer:
    """One page. A saga that changes moves to the end, so a page goes on behind the last row whatever happened meanwhile."""
    after = FIRST if query.cursor is None else tuple(cursors.resume(NAME, query, query.cursor))
    listing = _Listing(ask, query, after, query.limit + 1)
    found: list[Any] = []
    async for one in listing.rows():
        found.append(one)
        if len(found) > query.limit:
            break
    more = len(found) > query.limit
    found = found[: query.limit]
    behind = cursors.issue(NAME, query, found[-1][:2]) if more else None
    return Answer([row for *_, row in found], list(covering(listing.positions)), Page(query.limit, behind))


async def saga_rows(ask: Ask, query: ListSagas) -> AsyncIterator[Any]:
    """All rows, one by one."""
    async for *_, row in _Listing(ask, query, FIRST, CHUNK).rows():
        yield row


class _Listing:
    """Rows as the index tells them: [microseconds, saga id, row]."""

    def __init__(self, ask: Ask, query: ListSagas, after: Any, chunk: int) -> None:
        self._ask = ask
        self._query = query
        self._after = after
        self._chunk_rows = chunk
        self.positions: list[dict[str, int]] = []

    def rows(self) -> AsyncIterator[Any]:
        person_id = self._query.person_id
        partitions = range(self._ask.partitions) if person_id is None else (self._ask.partition_of(person_id),)
        sources: list[NextChunk] = [partial(self._chunk, partition) for partition in partitions]
        return merged_rows(sources, lambda one: (one[0], one[1]))

    async def _chunk(self, partition: int, after: Any) -> Chunk:
        request = SagaRows(
            **self._query.model_dump(include=set(SagaFilters.model_fields) - set(Query.model_fields)),
            **self._query.frame(),
            after=self._after if after is None else after,
            limit=self._chunk_rows,
        )
        found = await self._ask.one(SAGA_ROWS, partition, request)
        self.positions.append(found.position)
        return Chunk(found.data, found.data[-1][:2] if len(found.data) == self._chunk_rows else None)


ENDPOINT = Endpoint(NAME, ListSagas, list_sagas, (SAGA_ROWS,), saga_rows)
