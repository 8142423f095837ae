"""recommend_skills: what the last analysis recommends to a person, and what others with the same skills have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from domain.values.rules import fold
from domain.views.skill_pairs import Pair, recommended
from queries.endpoint import Ask, Endpoint, Read
from queries.endpoints.skills import OWN_SKILLS, GetSkills
from queries.frame import Answer, Query, covering
from queries.index.skills import pairs
from queries.indexed import ask_index
from queries.redirects import OfPerson, follow
from queries.tables_of_worker import WorkerTables

NAME = "recommend_skills"


class RecommendSkills(OfPerson):
    """recommend_skills: at most `limit` of each kind."""

    limit: int = Field(10, ge=1, le=100)


class PairsOf(Query):
    """Who holds what besides some skills (folded names), in one partition."""

    skills: tuple[str, ...]


async def recommend_skills(ask: Ask, query: RecommendSkills) -> Answer:
    """{analyzed, co_occurring}, the best first."""
    own = await follow(ask, OWN_SKILLS, GetSkills(person_id=query.person_id, **query.frame()))
    held = [fold(skill["name"]) for skill in own.data["skills"]]
    positions = [*own.positions]
    silent: Sequence[int] = ()
    found: list[Pair] = []
    if held:
        answers = await ask.reachable(PAIRS, PairsOf(skills=tuple(held), **query.frame()))
        silent = answers.silent
        positions += [one.position for one in answers.found]
        found = [Pair(*pair) for one in answers.found for pair in one.data]
    data = {
        "analyzed": _analyzed(own.data["recommended"], held)[: query.limit],
        "co_occurring": [one._asdict() for one in recommended(held, _counts(found), found, query.limit)],
    }
    return Answer(data, [*covering(positions)], redirected_from=own.redirected_from, silent=silent)


def _analyzed(recommended_by_analysis: Sequence[Mapping[str, Any]], held: Sequence[str]) -> list[Any]:
    lacking = [one for one in recommended_by_analysis if fold(one["name"]) not in held]
    return sorted(lacking, key=lambda one: (-one["confidence"], one["name"]))


def _counts(found: Sequence[Pair]) -> Mapping[str, int]:
    """How many hold a skill: a skill goes with itself."""
    counts: dict[str, int] = {}
    for pair in found:
        if pair.held == pair.other:
            counts[pair.held] = counts.get(pair.held, 0) + pair.persons
    return counts


async def _pairs(tables: WorkerTables, partition: int, query: PairsOf) -> Any:
    return await ask_index(tables, partition, *pairs(query.skills))


PAIRS = Read("skill_pairs", PairsOf, _pairs, indexed=True)
ENDPOINT = Endpoint(NAME, RecommendSkills, recommend_skills, (OWN_SKILLS, PAIRS))
