"""Who has which component view in a partition, in SQLite; the rows themselves are read from their table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.views.component_views import VIEWS
from queries.index.source import PERSON_IDS, Row, Source, members

BITS = {view: 1 << position for position, view in enumerate(VIEWS)}


def flat(row: Row) -> Sequence[Any]:
    """Which views the row of a person holds (domain.md 16.7)."""
    return (row["status"], sum(bit for view, bit in BITS.items() if view in row))


LISTED_VIEWS = Source(
    name="views",
    schema=(
        "CREATE TABLE listed (person_id TEXT PRIMARY KEY, status TEXT NOT NULL, views INTEGER NOT NULL) WITHOUT ROWID",
    ),
    lookups=(),
    flat=flat,
    remove=(f"DELETE FROM listed WHERE person_id IN {PERSON_IDS}",),
    put=(f"INSERT INTO listed SELECT {members(1, 3)} FROM json_each(?1)",),
)
