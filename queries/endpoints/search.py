"""search: persons by text and filters, the best first, from the indexes of all partitions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from domain.views.search_tokens import EQUAL, MIN_LOOSE, Terms, tokens
from queries import cursor as cursors
from queries.endpoint import Ask, Endpoint, Read
from queries.filters import Filters
from queries.frame import Answer, Page, Query, QueryError
from queries.index.search import After, candidates, hits, listed, one_edit_away, unmatched, vocabulary
from queries.index.selection import selection
from queries.indexed import ask_index
from queries.merged_rows import Chunk, NextChunk, merged_rows
from queries.tables_of_worker import WorkerTables

NAME = "search"
MAX_TOKENS = 12
MAX_CANDIDATES = 100_000
STREAMED_AT_ONCE = 200

Hit = list[Any]
"""Quarters of points, person id, what is shown."""


def _searchable(text: str) -> str:
    if not 1 <= len(set(tokens(text))) <= MAX_TOKENS:
        raise ValueError(f"must hold 1 to {MAX_TOKENS} words or characters to search for")
    return text


class Search(Query):
    """search: every word of the text must be found somewhere, and all filters must hold."""

    text: Annotated[str, Field(max_length=200), AfterValidator(_searchable)] | None = None
    filters: Filters = Filters()
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing narrows the search."""
        return self.text is None and not self.filters.are_given


class HitsOf(Query):
    """The best hits of one partition, behind one."""

    exact: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    filters: Filters
    after: After | None = None
    limit: int
    is_open: bool


class UnmatchedOf(Query):
    """Which tokens nobody has, in one partition."""

    tokens: tuple[str, ...]
    filters: Filters


async def search(ask: Ask, query: Search) -> Answer:
    """One page; the next one goes on behind its last hit, whatever was added or removed."""
    terms, after = _terms(query), None
    if query.cursor is not None:
        quarters, person_id, loose = cursors.resume(NAME, query, query.cursor)
        terms, after = _loosened(terms, loose), After(quarters, person_id)
    found = await ask.reachable(HITS, _request(query, terms, after, query.limit + 1))
    if after is None and not _any_hit(found.found) and (loose := await _loose(ask, query, terms)):
        terms = _loosened(terms, loose)
        found = await ask.reachable(HITS, _request(query, terms, after, query.limit + 1))
    _refuse_too_many(query, [one.data for one in found.found])
    best = sorted((hit for one in found.found for hit in one.data["hits"]), key=_order)
    page = best[: query.limit]
    more = [*page[-1][:2], terms.loose] if len(best) > query.limit else None
    return Answer(
        [_shown(hit) for hit in page],
        [one.position for one in found.found],
        Page(query.limit, None if more is None else cursors.issue(NAME, query, more)),
        silent=found.silent,
    )


async def search_rows(ask: Ask, query: Search) -> AsyncIterator[Any]:
    """All hits, one by one."""
    terms = _terms(query)
    first = await ask.each(HITS, _request(query, terms, None, 1))
    _refuse_too_many(query, [one.data for one in first])
    if not _any_hit(first):
        terms = _loosened(terms, await _loose(ask, query, terms))

    async def chunk(partition: int, after: Any) -> Chunk:
        found = await ask.one(HITS, partition, _request(query, terms, after, STREAMED_AT_ONCE))
        rows = found.data["hits"]
        return Chunk(rows, After(*rows[-1][:2]) if len(rows) == STREAMED_AT_ONCE else None)

    sources: list[NextChunk] = [partial(chunk, partition) for partition in range(ask.partitions)]
    async for hit in merged_rows(sources, _order):
        yield _shown(hit)


async def _loose(ask: Ask, query: Search, terms: Terms) -> Sequence[str]:
    """The tokens that nobody has and that may therefore be typing errors; none when one of them is too short for that."""
    if not terms.exact:
        return ()
    asked = UnmatchedOf(tokens=terms.exact, filters=Filters(status=query.filters.status), **query.frame())
    answers = [set(one.data) for one in (await ask.reachable(UNMATCHED, asked)).found]
    nowhere = set.intersection(*answers)
    return sorted(nowhere) if all(len(token) >= MIN_LOOSE for token in nowhere) else ()


def _terms(query: Search) -> Terms:
    return Terms(tuple(dict.fromkeys(tokens(query.text or ""))))


def _loosened(terms: Terms, loose: Sequence[str]) -> Terms:
    return Terms(tuple(token for token in terms.exact if token not in loose), tuple(loose))


def _request(query: Search, terms: Terms, after: After | None, limit: int) -> HitsOf:
    return HitsOf(
        exact=terms.exact,
        loose=terms.loose,
        filters=query.filters,
        after=after,
        limit=limit,
        is_open=query.is_open,
        **query.frame(),
    )


def _any_hit(found: Sequence[Any]) -> bool:
    return any(one.data["hits"] for one in found)


def _refuse_too_many(query: Search, answers: Sequence[Any]) -> None:
    if query.is_open and sum(one["candidates"] for one in answers) > MAX_CANDIDATES:
        raise QueryError("overloaded", f"more than {MAX_CANDIDATES} persons; give a text or a filter")


def _order(hit: Hit) -> tuple[int, str]:
    return -hit[0], hit[1]


def _shown(hit: Hit) -> dict[str, Any]:
    quarters, person_id, shown = hit
    return {"person_id": person_id, **shown, "score": quarters / EQUAL}


async def _hits(tables: WorkerTables, partition: int, query: HitsOf) -> Any:
    selected = selection(query.filters)
    count = await ask_index(tables, partition, *candidates(selected)) if query.is_open else None
    if not query.exact and not query.loose:
        after = "" if query.after is None else query.after.person_id
        return {"hits": await ask_index(tables, partition, *listed(selected, after, query.limit)), "candidates": count}
    alternatives = {
        token: one_edit_away(token, await ask_index(tables, partition, *vocabulary(token))) for token in query.loose
    }
    if not all(alternatives.values()):
        return {"hits": [], "candidates": count}
    terms = Terms(query.exact, query.loose)
    statement = hits(terms, alternatives, selected, query.after, query.limit)
    return {"hits": await ask_index(tables, partition, *statement), "candidates": count}


async def _unmatched(tables: WorkerTables, partition: int, query: UnmatchedOf) -> Any:
    return await ask_index(tables, partition, *unmatched(query.tokens, selection(query.filters)))


HITS = Read("search_hits", HitsOf, _hits, indexed=True)
UNMATCHED = Read("search_unmatched", UnmatchedOf, _unmatched, indexed=True)
ENDPOINT = Endpoint(NAME, Search, search, (HITS, UNMATCHED), search_rows)
