"""The network of a partition in SQLite: its persons, and the edges that they own, found from either end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.views.network_graph import Edge
from queries.index.source import PERSON_IDS, Row, Source, members


def flat(row: Row) -> Sequence[Any]:
    """The node of a person with its own edges (domain.md 16.5)."""
    edges = [
        (edge["component_id"], edge["other"], [edge.get(member) for member in Edge._fields]) for edge in row["edges"]
    ]
    return (row["status"], row.get("display_name"), row.get("redirect_to"), edges)


EDGES = Source(
    name="network",
    schema=(
        "CREATE TABLE nodes (person_id TEXT PRIMARY KEY, status TEXT NOT NULL, display_name TEXT, redirect_to TEXT)"
        " WITHOUT ROWID",
        "CREATE TABLE edges (owner TEXT NOT NULL, component_id TEXT NOT NULL, other TEXT NOT NULL, body TEXT NOT NULL,"
        " PRIMARY KEY (owner, component_id)) WITHOUT ROWID",
    ),
    lookups=(
        "CREATE INDEX nodes_by_target ON nodes (redirect_to) WHERE redirect_to IS NOT NULL",
        "CREATE INDEX edges_by_other ON edges (other)",
    ),
    flat=flat,
    remove=(
        f"DELETE FROM nodes WHERE person_id IN {PERSON_IDS}",
        f"DELETE FROM edges WHERE owner IN {PERSON_IDS}",
    ),
    put=(
        f"INSERT INTO nodes SELECT {members(1, 4)} FROM json_each(?1)",
        "INSERT OR REPLACE INTO edges SELECT json_extract(rows.value, '$[1]'), json_extract(one.value, '$[0]'),"
        " json_extract(one.value, '$[1]'), json_extract(one.value, '$[2]')"
        " FROM json_each(?1) AS rows, json_each(rows.value, '$[5]') AS one",
    ),
)
