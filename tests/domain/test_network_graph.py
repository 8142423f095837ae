"""Figures and paths over the network of persons: domain.md 16.5, laws L17 and L18."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.views.network_graph import (
    Edge,
    Neighbours,
    best_path,
    betweenness,
    clustering,
    communities,
    distances,
    figures,
    influence,
    is_active,
    is_ended,
    joined,
    neighbours,
)

PERSONS = "abcdef"


def edge(owner: str, other: str, kind: str = "Friend", strength: float = 0.5, **members: object) -> Edge:
    blank = Edge(owner, other, kind, strength, None, None, None, 0, f"{owner}{other}{kind}")
    return blank._replace(**members)  # type: ignore[arg-type]


EDGES = st.lists(
    st.builds(
        edge,
        st.sampled_from(PERSONS),
        st.sampled_from(PERSONS),
        st.sampled_from(["Friend", "Mentor"]),
        st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
        component_id=st.uuids().map(str),
        interaction_count=st.integers(0, 5),
        start_date=st.none() | st.dates(date(2020, 1, 1), date(2020, 1, 9)).map(str),
        end_date=st.none() | st.dates(date(2021, 1, 1), date(2021, 1, 9)).map(str),
    ).filter(lambda one: one.owner != one.other),
    max_size=14,
)
CHAINS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("def"), max_size=3)
"""Merged persons and their last targets."""


@given(EDGES, CHAINS)
def test_no_edge_leads_to_a_merged_person_or_to_oneself_and_none_is_there_twice(
    edges: list[Edge], redirects: dict[str, str]
) -> None:
    found = joined(edges, redirects)

    assert not {one for of in found for one in (of.owner, of.other)} & redirects.keys()
    assert all(one.owner != one.other for one in found)
    assert len({(one.owner, one.other, one.type) for one in found}) == len(found)
    assert {(one.owner, one.other, one.type) for one in found} == {
        (one.owner, redirects.get(one.other, one.other), one.type)
        for one in edges
        if one.owner not in redirects and redirects.get(one.other, one.other) != one.owner
    }


@given(EDGES, CHAINS)
def test_it_does_not_matter_whether_the_merge_or_the_edge_was_first(
    edges: list[Edge], redirects: dict[str, str]
) -> None:
    late = joined(edges, redirects)
    at_once = joined([one._replace(other=redirects.get(one.other, one.other)) for one in edges], redirects)

    assert late == at_once
    assert joined(reversed(edges), redirects) == late


def test_parallel_edges_become_one_with_the_best_of_both() -> None:
    first = edge("a", "b", strength=0.3, start_date="2020-02-01", end_date="2021-01-01", interaction_count=2)
    second = edge("a", "c", strength=0.9, start_date="2020-01-01", interaction_count=3)
    met = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.500000Z")

    [one] = joined([first._replace(last_interaction=met[0]), second._replace(last_interaction=met[1])], {"b": "c"})

    assert one == edge(
        "a", "c", strength=0.9, start_date="2020-01-01", interaction_count=5, last_interaction=met[1],
        component_id=first.component_id,
    )  # fmt: skip


def test_an_edge_ends_behind_its_last_day_and_is_active_for_180_days() -> None:
    ended = edge("a", "b", end_date="2026-01-10", last_interaction="2026-01-01T00:00:00Z")

    assert not is_ended(ended, date(2026, 1, 10))
    assert is_ended(ended, date(2026, 1, 11))
    assert is_active(ended, datetime(2026, 6, 30, tzinfo=UTC))
    assert not is_active(ended, datetime(2026, 7, 1, tzinfo=UTC))
    assert not is_active(edge("a", "b"), datetime(2026, 1, 1, tzinfo=UTC))


def every_path(graph: Neighbours, start: str, end: str, most: int) -> list[tuple[str, ...]]:
    others = sorted(graph.keys() - {start, end})
    ways = [
        (start, *inner, end) for hops in range(most) for inner in permutations(others, hops) if hops < len(others) + 1
    ]
    return [way for way in ways if all(other in graph.get(one, {}) for one, other in pairwise(way))]


@given(EDGES, st.integers(1, 5))
def test_the_best_path_is_the_shortest_then_the_strongest_then_the_smallest(edges: list[Edge], most: int) -> None:
    graph = neighbours(edges)

    def rank(path: tuple[str, ...]) -> tuple[int, float, tuple[str, ...]]:
        return len(path), -math.prod(graph[one][other] for one, other in pairwise(path)), path

    assert best_path(graph, "a", "f", most) == min(every_path(graph, "a", "f", most), key=rank, default=())
    assert best_path(graph, "a", "a", most) == ("a",)


@given(EDGES)
def test_betweenness_is_the_share_of_shortest_paths_over_a_person(edges: list[Edge]) -> None:
    graph = neighbours(edges)
    expected = dict.fromkeys(graph, 0.0)
    for one, other in combinations(sorted(graph), 2):
        ways = every_path(graph, one, other, len(graph))
        shortest = [way for way in ways if len(way) == min(map(len, ways))]
        for way in shortest:
            for person in way[1:-1]:
                expected[person] += 1 / len(shortest)
    pairs = (len(graph) - 1) * (len(graph) - 2) / 2

    assert betweenness(graph) == pytest.approx({one: value / pairs if pairs else 0 for one, value in expected.items()})


@given(EDGES)
def test_communities_are_apart_and_hold_together_by_strong_edges(edges: list[Edge]) -> None:
    found = communities(edges)
    strong = neighbours(one for one in edges if one.strength > 0.5)

    members = [set(one["members"]) for one in found]  # type: ignore[call-overload]
    assert sorted(person for group in members for person in group) == sorted(strong)
    assert all({*distances(strong, min(group), 9)} == group for group in members)
    assert all(0 < one["cohesion"] <= 1 for one in found)  # type: ignore[operator]


@given(EDGES, st.sampled_from(PERSONS))
def test_figures_are_shares_and_counts(edges: list[Edge], person: str) -> None:
    found = figures(joined(edges, {}), person)

    assert found["total"] == sum(found["by_type"].values())  # type: ignore[attr-defined]
    assert all(0 <= share <= 1 for share in found["degree_centrality"].values())  # type: ignore[attr-defined]
    assert all(0 <= share <= 1 + 1e-9 for share in found["betweenness"].values())  # type: ignore[attr-defined]
    assert all(0 <= one["value"] <= 1 for one in found["influence"])  # type: ignore[attr-defined]
    assert len(found["strongest"]) <= 5  # type: ignore[arg-type]


def test_a_triangle_with_a_tail_has_these_figures() -> None:
    edges = [edge("a", "b", strength=0.8), edge("b", "c"), edge("c", "a", "Mentor", 0.7), edge("c", "d", strength=0.2)]
    graph = neighbours(edges)

    assert clustering(graph, "a") == 1
    assert clustering(graph, "c") == pytest.approx(1 / 3)
    assert influence(edges[3]._replace(interaction_count=1), graph) == pytest.approx(0.2 + math.log(2) / 10)
    assert influence(edges[0], graph) == pytest.approx(0.8 + math.log(2) / 20)
    found = figures(edges, "a")
    assert found["by_type"] == {"Friend": 3, "Mentor": 1}
    assert found["average_strength"] == pytest.approx(0.55)
    assert found["reach_within_2"] == 3
    assert found["degree_centrality"] == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 1, "d": 1 / 3})
    assert [(one["owner"], one["other"]) for one in found["strongest"]] == [("a", "b"), ("c", "a")]  # type: ignore[attr-defined]
    assert found["communities"] == [{"members": ["a", "b", "c"], "cohesion": pytest.approx(2 / 3 * 0.75)}]
