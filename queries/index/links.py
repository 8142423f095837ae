"""The open links of a partition in SQLite: who is linked with what another domain owns, found by it.

They come from the rows of table `persons`, so no event is folded for them; a merged person stays, with whom it was merged into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.links import Link, links_in
from queries.index.search import Statement
from queries.index.source import PERSON_IDS, Row, Source


def flat(row: Row) -> Sequence[Any]:
    """The links of a state."""
    state = row["person"]
    return (state.get("merged_into"), [(link.kind, link.foreign_id) for link in {*links_in(state)}])


def linked(link: Link) -> Statement:
    """Who is linked: [person id, whom it was merged into or null] each, by person id."""
    return (
        "SELECT json_group_array(json_array(person_id, redirect_to)) FROM"
        " (SELECT person_id, redirect_to FROM links WHERE kind = :kind AND foreign_id = :foreign_id ORDER BY person_id)",
        {"kind": link.kind, "foreign_id": link.foreign_id},
    )


LINKS = Source(
    name="persons",
    schema=(
        "CREATE TABLE links (person_id TEXT NOT NULL, kind TEXT NOT NULL, foreign_id TEXT NOT NULL, redirect_to TEXT,"
        " PRIMARY KEY (person_id, kind, foreign_id)) WITHOUT ROWID",
    ),
    lookups=("CREATE INDEX links_by_foreign_id ON links (foreign_id, kind)",),
    flat=flat,
    remove=(f"DELETE FROM links WHERE person_id IN {PERSON_IDS}",),
    put=(
        "INSERT INTO links SELECT json_extract(rows.value, '$[1]'), json_extract(one.value, '$[0]'),"
        " json_extract(one.value, '$[1]'), json_extract(rows.value, '$[2]')"
        " FROM json_each(?1) AS rows, json_each(rows.value, '$[3]') AS one",
    ),
)
