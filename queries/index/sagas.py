"""The sagas of a partition in SQLite, by what lists are narrowed and ordered by; the index answers lists without the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.sagas.state import Saga
from domain.views.saga import saga_row
from queries.index.documents import microseconds
from queries.index.search import Statement
from queries.index.source import PERSON_IDS, Row, Source, members

STALEST_FIRST = "updated, saga_id"


def flat(row: Row) -> Sequence[Any]:
    """What is indexed of a row of table `sagas`, and the row that lists tell."""
    saga = Saga.restore(row["saga"])
    return (
        saga.person_id,
        saga.saga,
        saga.status,
        saga.is_parked,
        saga.step,
        saga.correlationid,
        _micros(saga.started_at),
        _micros(saga.updated_at),
        saga_row(saga),
    )


def listed(filters: Mapping[str, Any], statuses: Sequence[str], after: Sequence[Any], limit: int) -> Statement:
    """Rows behind a place that pass all filters that are given, with their places: stalest first.

    `filters` may name saga, person_id, step, parked and updated_before in microseconds; `after` is the place of a row.
    """
    where = ["(updated, saga_id) > (:updated, :saga_id)"]
    place: dict[str, Any] = {"updated": after[0], "saga_id": after[1], "limit": limit}
    for name in ("saga", "person_id", "step", "parked"):
        if filters.get(name) is not None:
            where.append(f"{name} = :is_{name}")
            place[f"is_{name}"] = filters[name]
    if filters.get("updated_before") is not None:
        where.append("updated < :updated_before")
        place["updated_before"] = filters["updated_before"]
    if statuses:
        names = [f"status_{number}" for number in range(len(statuses))]
        where.append(f"status IN ({', '.join(f':{name}' for name in names)})")
        place |= dict(zip(names, statuses, strict=True))
    return (
        "SELECT json_group_array(json_array(updated, saga_id, json(shown))) FROM (SELECT updated, saga_id, shown"
        f" FROM sagas WHERE {' AND '.join(where)} ORDER BY {STALEST_FIRST} LIMIT :limit)",
        place,
    )


OF_CORRELATION = (
    "SELECT json_group_array(saga_id) FROM (SELECT saga_id FROM sagas WHERE correlation = :correlation LIMIT :limit)"
)
"""Ids of sagas that a message of a correlation has started."""

CENSUS = (
    "SELECT json_group_array(json_array(saga, status, parked, step, many, oldest, stalest)) FROM (SELECT saga, status, parked,"
    " iif(parked OR status IN ('Running', 'Compensating'), step, NULL) AS step, count(*) AS many, min(started) AS oldest,"
    " min(updated) AS stalest FROM sagas GROUP BY 1, 2, 3, 4)"
)
"""Sagas by name, status, whether they are parked and the step of those that have not ended, each with their number, and when the
oldest began and the stalest changed, in microseconds."""


def _micros(instant: datetime | None) -> int:
    return 0 if instant is None else microseconds(instant)


SAGAS = Source(
    name="sagas",
    schema=(
        "CREATE TABLE sagas (saga_id TEXT PRIMARY KEY, person_id TEXT NOT NULL, saga TEXT NOT NULL, status TEXT NOT NULL,"
        " parked INTEGER NOT NULL, step TEXT, correlation TEXT NOT NULL, started INTEGER NOT NULL, updated INTEGER NOT NULL, shown TEXT NOT NULL)"
        " WITHOUT ROWID",
        "CREATE INDEX sagas_by_status ON sagas (status, parked, saga, step, updated, saga_id, started)",
        "CREATE INDEX sagas_by_age ON sagas (updated, saga_id)",
        "CREATE INDEX sagas_by_person ON sagas (person_id, updated, saga_id)",
        "CREATE INDEX sagas_by_correlation ON sagas (correlation)",
    ),
    lookups=(),
    flat=flat,
    remove=(f"DELETE FROM sagas WHERE saga_id IN {PERSON_IDS}",),
    put=(f"INSERT INTO sagas SELECT {members(1, 10)} FROM json_each(?1)",),
)
