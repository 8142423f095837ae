"""find_path: how two persons are connected, by the fewest and then the strongest relationships."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from pydantic import Field

from domain.views.network_graph import best_path, distances, neighbours
from queries.endpoint import Ask, Endpoint
from queries.endpoints.network import WHEREABOUTS, Whereabouts
from queries.frame import Answer, Query, covering
from queries.neighbourhood import AROUND, NODES, Neighbourhood
from queries.person_id import PersonId
from queries.redirects import follow

NAME = "find_path"


class FindPath(Query):
    """find_path: at most `max_depth` relationships, in either direction."""

    from_: PersonId = Field(alias="from")
    to: PersonId
    max_depth: int = Field(4, ge=1, le=6)


async def find_path(ask: Ask, query: FindPath) -> Answer:
    """{path, hops, strength}: the persons from one end to the other; an empty path when there is none."""
    start, end = [
        await follow(ask, WHEREABOUTS, Whereabouts(person_id=person_id, **query.frame()))
        for person_id in (query.from_, query.to)
    ]
    around = Neighbourhood(ask, query, [start.person_id, end.person_id], datetime.now(UTC).date())
    path = await _found(around, start.person_id, end.person_id, query.max_depth)
    graph = neighbours(around.edges())
    nodes = [around.node(person_id) for person_id in path]
    return Answer(
        {
            "path": [
                {"person_id": node.person_id, "display_name": node.display_name, "status": node.status}
                for node in nodes
            ],
            "hops": len(path) - 1 if path else None,
            "strength": math.prod(graph[one][other] for one, other in pairwise(path)) if path else None,
        },
        [*covering([*start.positions, *end.positions, *around.positions])],
        redirected_from=[one for one in (start.redirected_from, end.redirected_from) if one] or None,
        silent=sorted(around.silent),
    )


async def _found(around: Neighbourhood, start: str, end: str, most: int) -> Sequence[str]:
    """The best path. Both ends are explored in turns, the one with fewer persons at its edge first, until they meet."""
    await around.expand([start, end])
    explored = {start: 1, end: 1}
    while True:
        graph = neighbours(around.edges())
        path = best_path(graph, start, end, most)
        if path or sum(explored.values()) >= most:
            return path
        frontiers = {
            one: [person for person, far in distances(graph, one, depth).items() if far == depth]
            for one, depth in explored.items()
        }
        nearer = min(frontiers, key=lambda one: len(frontiers[one]))
        if not frontiers[nearer]:
            return ()
        await around.expand(frontiers[nearer])
        explored[nearer] += 1


ENDPOINT = Endpoint(NAME, FindPath, find_path, (WHEREABOUTS, AROUND, NODES))
