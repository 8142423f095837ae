"""Questions about the network in one partition, as SQL over the nodes and edges of its persons."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from queries.index.search import Statement

MAX_EDGES = 20_000
"""Edges that one partition tells at a time; one more says that there are more."""


def around(person_ids: Collection[str]) -> Statement:
    """Edges that one of the persons owns or is the other end of, and who was merged into one of them: {edges, merged}.

    An edge is a list as `domain.views.network_graph.Edge`; a merged person comes with its target.
    """
    return (
        "WITH asked AS MATERIALIZED (SELECT value AS person_id FROM json_each(:ids)) SELECT json_object("
        "'edges', (SELECT json_group_array(json(body)) FROM ("
        "SELECT body FROM edges WHERE owner IN (SELECT person_id FROM asked) UNION ALL"
        " SELECT body FROM edges WHERE other IN (SELECT person_id FROM asked)"
        f" AND owner NOT IN (SELECT person_id FROM asked) LIMIT {MAX_EDGES + 1})),"
        "'merged', (SELECT json_group_object(person_id, redirect_to) FROM nodes"
        " WHERE redirect_to IN (SELECT person_id FROM asked)))",
        {"ids": orjson.dumps(sorted(person_ids)).decode()},
    )


def nodes(person_ids: Collection[str]) -> Statement:
    """Those of the persons that this partition holds: [person id, status, name, whom it was merged into] each."""
    return (
        "SELECT json_group_array(json_array(person_id, status, display_name, redirect_to)) FROM nodes"
        " WHERE person_id IN (SELECT value FROM json_each(:ids))",
        {"ids": orjson.dumps(sorted(person_ids)).decode()},
    )
