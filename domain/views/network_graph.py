"""A part of the network of persons as a graph: merging of edges behind redirects, figures, and the best path.

Edges have an owner, but count in both directions. All functions are total over what `joined` returns."""

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from typing import Final, NamedTuple

ACTIVE_FOR: Final = timedelta(days=180)
STRONG: Final = 0.5
"""Edges above this strength hold a community together."""
STRONGEST: Final = 5


class Edge(NamedTuple):
    """A relationship: `owner` holds the component, `other` is the person at the other end."""

    owner: str
    other: str
    type: str
    strength: float
    start_date: str | None
    end_date: str | None
    last_interaction: str | None
    interaction_count: int
    component_id: str


Neighbours = Mapping[str, Mapping[str, float]]
"""Per person its neighbours, each with the strength of the strongest edge between the two."""


def joined(edges: Iterable[Edge], redirects: Mapping[str, str]) -> tuple[Edge, ...]:
    """The edges of a network in which merged persons are replaced by their targets.

    `redirects` maps a merged person to the last target. Edges that a merged person owned are gone, an edge to oneself too; edges of an
    owner that have become parallel (same other, same type) are one.
    """
    found: dict[tuple[str, str, str], Edge] = {}
    for edge in sorted(edges, key=lambda one: (one.owner, one.component_id)):
        other = redirects.get(edge.other, edge.other)
        if edge.owner in redirects or other == edge.owner:
            continue
        here = edge._replace(other=other)
        key = (edge.owner, other, edge.type)
        found[key] = _one(found[key], here) if key in found else here
    return tuple(found[key] for key in sorted(found))


def _one(first: Edge, second: Edge) -> Edge:
    return first._replace(
        strength=max(first.strength, second.strength),
        start_date=min(filter(None, (first.start_date, second.start_date)), default=None),
        # An open one goes on.
        end_date=max(first.end_date, second.end_date) if first.end_date and second.end_date else None,
        last_interaction=max(
            filter(None, (first.last_interaction, second.last_interaction)), key=datetime.fromisoformat, default=None
        ),
        interaction_count=first.interaction_count + second.interaction_count,
    )


def is_ended(edge: Edge, today: date) -> bool:
    """Whether the relationship is over; its last day still counts."""
    return edge.end_date is not None and date.fromisoformat(edge.end_date) < today


def is_active(edge: Edge, now: datetime) -> bool:
    """Whether the two have met within 180 days."""
    return edge.last_interaction is not None and now - datetime.fromisoformat(edge.last_interaction) <= ACTIVE_FOR


def neighbours(edges: Iterable[Edge]) -> Neighbours:
    """Who is next to whom, in both directions."""
    found: dict[str, dict[str, float]] = {}
    for edge in edges:
        for one, other in ((edge.owner, edge.other), (edge.other, edge.owner)):
            strengths = found.setdefault(one, {})
            strengths[other] = max(strengths.get(other, 0.0), edge.strength)
    return found


def distances(graph: Neighbours, start: str, most: int) -> dict[str, int]:
    """Hops from a person to all that are at most `most` hops away."""
    found = {start: 0}
    waiting = deque([start])
    while waiting:
        person = waiting.popleft()
        if found[person] == most:
            continue
        for other in graph.get(person, {}):
            if other not in found:
                found[other] = found[person] + 1
                waiting.append(other)
    return found


def best_path(graph: Neighbours, start: str, end: str, most: int) -> tuple[str, ...]:
    """The path with the fewest hops, then the highest product of strengths, then the smallest ids; empty without one."""
    level = distances(graph, start, most)
    if end not in level:
        return ()
    # Behind an edge of strength 0 all products are equal: the smallest ids of all then count, whatever was stronger before.
    best: dict[str, _Way] = {start: _Way(Fraction(1), (start,), (start,))}
    for person in sorted(level, key=lambda one: (level[one], one)):
        if person == start:
            continue
        ways = [
            _Way(best[other].product * Fraction(strength), (*path, person), (*best[other].smallest, person))
            for other, strength in graph[person].items()
            if level.get(other) == level[person] - 1
            for path in [best[other].path if strength else best[other].smallest]
        ]
        strongest = min(ways, key=lambda way: (-way.product, way.path))
        best[person] = strongest._replace(smallest=min(way.smallest for way in ways))
    return best[end].path


class _Way(NamedTuple):
    product: Fraction
    path: tuple[str, ...]
    smallest: tuple[str, ...]


def figures(edges: Sequence[Edge], person_id: str) -> dict[str, object]:
    """What the graph of these edges says of a person and of the whole (domain.md 16.5)."""
    graph = neighbours(edges)
    influences = [(influence(edge, graph), edge) for edge in edges]
    own = [edge for edge in edges if person_id in (edge.owner, edge.other)]
    strongest = sorted(own, key=lambda edge: (-edge.strength, edge.owner, edge.other, edge.type))[:STRONGEST]
    return {
        "total": len(edges),
        "by_type": {kind: sum(edge.type == kind for edge in edges) for kind in sorted({edge.type for edge in edges})},
        "average_strength": _average([edge.strength for edge in edges]),
        "reach_within_2": len(distances(graph, person_id, 2)) - 1,
        "clustering": clustering(graph, person_id),
        "degree_centrality": {person: _degree(graph, person) for person in sorted(graph)},
        "betweenness": betweenness(graph),
        "influence": [
            {"owner": edge.owner, "other": edge.other, "type": edge.type, "value": value} for value, edge in influences
        ],
        "strongest": [edge._asdict() for edge in strongest],
        "communities": communities(edges),
    }


def influence(edge: Edge, graph: Neighbours) -> float:
    """Influence of an edge: its strength, raised by interactions and by the neighbours that both ends share, at most 1."""
    mutual = len(graph.get(edge.owner, {}).keys() & graph.get(edge.other, {}).keys())
    return min(1.0, edge.strength + math.log1p(edge.interaction_count) / 10 + math.log1p(mutual) / 20)


def clustering(graph: Neighbours, person_id: str) -> float:
    """Share of the pairs of neighbours that are neighbours of each other; 0 with fewer than two."""
    around = graph.get(person_id, {})
    pairs = len(around) * (len(around) - 1) // 2
    return sum(other in graph[one] for one, other in combinations(around, 2)) / pairs if pairs else 0.0


def _degree(graph: Neighbours, person_id: str) -> float:
    return len(graph[person_id]) / (len(graph) - 1) if len(graph) > 1 else 0.0


def betweenness(graph: Neighbours) -> dict[str, float]:
    """Share of the shortest paths between two others that lead over a person (Brandes 2001), normalised by their pairs."""
    found = dict.fromkeys(sorted(graph), 0.0)
    for start in found:
        order, paths, before = _shortest_paths(graph, start)
        dependency = dict.fromkeys(order, 0.0)
        for person in reversed(order):
            for other in before[person]:
                dependency[other] += paths[other] / paths[person] * (1 + dependency[person])
            if person != start:
                found[person] += dependency[person]
    # Every pair was met from both of its ends.
    pairs = (len(graph) - 1) * (len(graph) - 2)
    return {person: value / pairs if pairs else 0.0 for person, value in found.items()}


def _shortest_paths(graph: Neighbours, start: str) -> tuple[list[str], dict[str, int], dict[str, list[str]]]:
    """Persons by distance, the number of shortest paths to each, and those before each on such a path."""
    order: list[str] = []
    paths, far = {start: 1}, {start: 0}
    before: dict[str, list[str]] = {start: []}
    waiting = deque([start])
    while waiting:
        person = waiting.popleft()
        order.append(person)
        for other in graph[person]:
            if other not in far:
                far[other] = far[person] + 1
                paths[other], before[other] = 0, []
                waiting.append(other)
            if far[other] == far[person] + 1:
                paths[other] += paths[person]
                before[other].append(person)
    return order, paths, before


def communities(edges: Sequence[Edge]) -> list[dict[str, object]]:
    """Persons that strong edges hold together, the largest group first; cohesion is density x average strength."""
    strong = [edge for edge in edges if edge.strength > STRONG]
    graph = neighbours(strong)
    found: list[dict[str, object]] = []
    left = dict.fromkeys(sorted(graph))
    while left:
        members = sorted(distances(graph, next(iter(left)), len(graph)))
        for person in members:
            del left[person]
        found.append({"members": members, "cohesion": _cohesion(members, graph)})
    return sorted(found, key=lambda one: (-len(_members(one)), _members(one)))


def _members(community: Mapping[str, object]) -> Collection[str]:
    members = community["members"]
    assert isinstance(members, list)
    return members


def _cohesion(members: Sequence[str], graph: Neighbours) -> float:
    strengths = [graph[one][other] for one, other in combinations(members, 2) if other in graph[one]]
    return len(strengths) / (len(members) * (len(members) - 1) / 2) * _average(strengths)


def _average(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
