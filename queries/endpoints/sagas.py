"""list_sagas: sagas of all persons, those that have changed least recently first, page by page or as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from pydantic import AwareDatetime, Field

from domain.sagas.state import SagaStatus
from queries import cursor as cursors
from queries.endpoint import Ask, Endpoint, Read
from queries.endpoints.saga import SagaName
from queries.frame import Answer, Page, Query, covering
from queries.index.documents import microseconds
from queries.index.sagas import listed
from queries.indexed import ask_saga_index
from queries.merged_rows import Chunk, NextChunk, merged_rows
from queries.person_id import PersonId
from queries.tables_of_worker import WorkerTables

NAME = "list_sagas"
CHUNK = 200
_FIRST = (-1, "")


class SagaFilters(Query):
    """All filters that are given must hold."""

    status: tuple[SagaStatus, ...] = Field((), max_length=5)
    saga: SagaName | None = None
    step: str | None = Field(None, max_length=64)
    person_id: PersonId | None = None
    parked: bool | None = None
    updated_before: AwareDatetime | None = None

    def narrowing(self) -> Mapping[str, Any]:
        """The filters as the index takes them."""
        before = self.updated_before
        return {
            "saga": self.saga,
            "step": self.step,
            "person_id": self.person_id,
            "parked": None if self.parked is None else int(self.parked),
            "updated_before": None if before is None else microseconds(before),
        }


class ListSagas(SagaFilters):
    """list_sagas: sagas by status, name, step, person and age, stalest first."""

    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


class SagaRows(SagaFilters):
    """Some rows of one partition behind a place: when a saga changed last, in microseconds, and its id."""

    after: tuple[int, str] = _FIRST
    limit: int


async def list_sagas(ask: Ask, query: ListSagas) -> Answer:
    """One page. A saga that changes moves to the end, so a page goes on behind the last row whatever happened meanwhile."""
    after = _FIRST if query.cursor is None else tuple(cursors.resume(NAME, query, query.cursor))
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
    async for *_, row in _Listing(ask, query, _FIRST, CHUNK).rows():
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


async def _saga_rows(tables: WorkerTables, partition: int, query: SagaRows) -> Any:
    return await ask_saga_index(tables, partition, *listed(query.narrowing(), query.status, query.after, query.limit))


SAGA_ROWS = Read("saga_rows", SagaRows, _saga_rows, indexed=True, of_sagas=True)
ENDPOINT = Endpoint(NAME, ListSagas, list_sagas, (SAGA_ROWS,), saga_rows)
