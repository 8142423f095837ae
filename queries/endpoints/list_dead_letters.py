"""list_dead_letters: what waits for an operator, of all routes, page by page, those that wait longest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from domain.times import format_instant
from queries import cursor as cursors
from queries.dead_letters.known_names import require_known
from queries.dead_letters.parked import ROWS, ParkedRows, place_of
from queries.dead_letters.requests import DeadLetterFilters, ListDeadLetters
from queries.dead_letters.rows import Row, of_saga, row_in
from queries.dead_letters.sagas import parked_sagas
from queries.endpoint import Ask, Endpoint
from queries.frame import Answer, Page

NAME = "list_dead_letters"


async def list_dead_letters(ask: Ask, query: ListDeadLetters) -> Answer:
    """One page. A letter that is closed meanwhile is missing, and the page goes on behind the last row. A route or an agent that there is not is refused."""
    after: tuple[datetime, str] | None = None
    if query.cursor is not None:
        since, letter = cursors.resume(NAME, query, query.cursor)
        after = datetime.fromisoformat(since), letter
    passing = [one for one in await elsewhere(ask, query) if after is None or one.order > after]
    partitions = None if query.person_id is None else (ask.partition_of(query.person_id),)
    request = ParkedRows(**_filters(query), **query.frame(), after=after, limit=query.limit + 1)
    parked = await ask.each(ROWS, request, partitions)
    census = ask.dead_letters.census
    for told in (told for found in parked for told in found.data):
        row = row_in(told)
        passing.append(row._replace(edited=census.is_edited(place_of(row))))
    found = list(islice(sorted(passing, key=lambda one: one.order), query.limit + 1))
    more, found = len(found) > query.limit, found[: query.limit]
    behind = cursors.issue(NAME, query, [format_instant(found[-1].since), found[-1].letter]) if more else None
    return Answer([row.told() for row in found], [one.position for one in parked], Page(query.limit, behind))


async def elsewhere(ask: Ask, query: DeadLetterFilters) -> list[Row]:
    """Rows that do not lie in the table of parked persons: messages of all routes, and parked sagas.

    Raises QueryError for a filter that names a route or an agent that there is not.
    """
    sagas: Sequence[dict[str, Any]] = await parked_sagas(ask, query.person_id)
    rows = [*await ask.dead_letters.messages(), *(of_saga(one) for one in sagas)]
    require_known(query, ask.dead_letters.routes_of_bridge, rows)
    return [one for one in rows if one.passes(query)]


def _filters(query: DeadLetterFilters) -> dict[str, Any]:
    return query.model_dump(include=set(DeadLetterFilters.model_fields) - {"min_position", "timeout_ms", "stream"})


ENDPOINT = Endpoint(NAME, ListDeadLetters, list_dead_letters, (ROWS,))
