"""What queries on networks answer: who is around a person, what the edges weigh, and how two persons are connected."""

from __future__ import annotations

from pydantic import BaseModel

from domain.ids import Uuid
from domain.status import Status
from ops.contracts.rows import LEFT_OUT, Edge


class NamedPerson(BaseModel):
    """A person by id and name."""

    person_id: Uuid
    display_name: str | None
    status: Status


class Neighbour(NamedPerson):
    """A person in a network, and how many relationships away."""

    distance: int


class FoundEdge(Edge):
    """An edge of a network; it is active when its last interaction is within 180 days."""

    active: bool


class Influence(BaseModel):
    """How much an edge counts, at most 1."""

    owner: Uuid
    other: Uuid
    type: str
    value: float


class Community(BaseModel):
    """Persons that strong edges hold together."""

    members: list[Uuid]
    cohesion: float


class Metrics(BaseModel):
    """What a network says of a person and of the whole."""

    total: int
    by_type: dict[str, int]
    average_strength: float
    reach_within_2: int
    clustering: float
    degree_centrality: dict[Uuid, float]
    betweenness: dict[Uuid, float]
    influence: list[Influence]
    strongest: list[Edge]
    communities: list[Community]


class Network(BaseModel):
    """The persons around a person and the relationships among them."""

    nodes: list[Neighbour]
    edges: list[FoundEdge]
    metrics: Metrics = LEFT_OUT


class Path(BaseModel):
    """How two persons are connected, from one end to the other; empty when they are not."""

    path: list[NamedPerson]
    hops: int | None
    strength: float | None
