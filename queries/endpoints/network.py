"""get_network: the persons around a person, the relationships among them, and what these say of the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from domain.components.relationship import RelationshipComponent
from domain.views.network_graph import Edge, figures, is_active
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, covering
from queries.neighbourhood import AROUND, NODES, Neighbourhood
from queries.redirects import OfPerson, follow, moved, present
from queries.tables_of_worker import WorkerTables

NAME = "get_network"
TYPES: Sequence[str] = get_args(RelationshipComponent.model_fields["relationship_type"].annotation)


def _known(kind: str) -> str:
    if kind not in TYPES:
        raise ValueError("must be a type of relationship")
    return kind


RelationshipType = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*TYPES]})]


class GetNetwork(OfPerson):
    """get_network: persons at most `depth` relationships away."""

    depth: int = Field(1, ge=1, le=3)
    types: tuple[RelationshipType, ...] = ()
    direction: Literal["out", "in", "both"] = "both"
    include_inactive: bool = False
    metrics: bool = False


class Whereabouts(OfPerson):
    """Whether a person exists, and whether it was merged away."""


async def get_network(ask: Ask, query: GetNetwork) -> Answer:
    """{nodes, edges, metrics?}: nodes by distance, edges by owner."""
    who = await follow(ask, WHEREABOUTS, Whereabouts(person_id=query.person_id, **query.frame()))
    now = datetime.now(UTC)
    around = Neighbourhood(
        ask,
        query,
        [who.person_id],
        now.date(),
        types=query.types,
        include_inactive=query.include_inactive,
    )
    distances, edges = await _explored(around, who.person_id, query)
    nodes = [
        {**_described(around, person_id), "distance": distances[person_id]}
        for person_id in sorted(distances, key=lambda one: (distances[one], one))
    ]
    data: dict[str, Any] = {
        "nodes": nodes,
        "edges": [{**edge._asdict(), "active": is_active(edge, now)} for edge in edges],
    }
    if query.metrics:
        data["metrics"] = figures(edges, who.person_id)
    return Answer(
        data,
        [*covering([*who.positions, *around.positions])],
        redirected_from=who.redirected_from,
        silent=sorted(around.silent),
    )


async def _explored(around: Neighbourhood, start: str, query: GetNetwork) -> tuple[Mapping[str, int], Sequence[Edge]]:
    """The distance of each person that was reached, and the edges: those that were followed, or in both directions all among them."""
    distances = {start: 0}
    frontier = {start}
    followed: dict[tuple[str, str, str], Edge] = {}
    for depth in range(1, query.depth + 1):
        await around.expand(frontier)
        reached: set[str] = set()
        for edge in around.edges():
            for here, there, direction in ((edge.owner, edge.other, "out"), (edge.other, edge.owner, "in")):
                if here in frontier and query.direction in (direction, "both"):
                    followed[edge.owner, edge.other, edge.type] = edge
                    reached.add(there)
        frontier = reached - distances.keys()
        distances |= dict.fromkeys(frontier, depth)
    if query.direction != "both":
        return distances, [followed[key] for key in sorted(followed)]
    await around.expand(frontier)
    return distances, [edge for edge in around.edges() if edge.owner in distances and edge.other in distances]


def _described(around: Neighbourhood, person_id: str) -> dict[str, Any]:
    node = around.node(person_id)
    return {"person_id": person_id, "display_name": node.display_name, "status": node.status}


async def _whereabouts(tables: WorkerTables, partition: int, query: Whereabouts) -> Any:
    return moved(present(tables, partition, query.person_id)) or {}


WHEREABOUTS = Read("whereabouts", Whereabouts, _whereabouts)
ENDPOINT = Endpoint(NAME, GetNetwork, get_network, (WHEREABOUTS, AROUND, NODES))
