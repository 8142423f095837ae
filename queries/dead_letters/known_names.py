"""Which routes and agents the filters of dead letters may name: those of this installation, and those that an open letter names.

A name that nobody has is refused: an empty list would say that nothing waits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from queries.dead_letters.requests import DeadLetterFilters
from queries.dead_letters.rows import SAGA_CONSUMER, Row
from queries.dead_letters.sorting import CONSUMERS, ROUTES
from queries.frame import QueryError

AGENTS: Final = frozenset({*CONSUMERS, SAGA_CONSUMER})


def require_known(filters: DeadLetterFilters, routes_of_bridge: Iterable[str], rows: Iterable[Row]) -> None:
    """Raise QueryError for a route or an agent that there is not; `rows` are open letters."""
    carried = frozenset(routes_of_bridge)
    found = tuple(rows)
    named = (
        ("route", filters.route, {*ROUTES, *carried, *(row.route for row in found)}),
        ("agent", filters.agent, {*AGENTS, *carried, *(row.agent for row in found)}),
    )
    for field, asked, known in named:
        if asked is not None and asked not in known:
            reason = f"{field}: there is no such {field}; there are: {', '.join(sorted(known))}"
            raise QueryError("invalid_query", reason, field=field, rule="unknown_name")
