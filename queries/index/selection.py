"""Filters as SQL: conditions on columns of documents, and on the terms of persons in the full-text index."""

from __future__ import annotations

from typing import Any, NamedTuple

from domain.values.rules import fold
from domain.views.search_tokens import MIN_PREFIX, search_fold, tokens
from queries.filters import Filters
from queries.index.documents import microseconds
from queries.index.facts import Kind, all_of, fact, quoted
from queries.index.held_skills import level_fact, skill_fact
from queries.index.levels import IDENTITY_LEVELS, PROFICIENCIES


class Selection(NamedTuple):
    """What rows of `documents` must fulfil: a condition, and its parameters."""

    where: str
    parameters: dict[str, Any]


def selection(filters: Filters) -> Selection:
    """The persons that `queries.filters.holds` for."""
    parameters: dict[str, Any] = {f"status_{i}": status.value for i, status in enumerate(filters.status)}
    conditions = [f"documents.status IN ({', '.join(f':{name}' for name in parameters)})"]
    compared = {
        "identity_level >= :identity_level": filters.identity_level_min
        and IDENTITY_LEVELS.index(filters.identity_level_min),
        "created >= :created_from": filters.created_from and microseconds(filters.created_from),
        "created <= :created_to": filters.created_to and microseconds(filters.created_to),
        "onboarding_state = :onboarding_state": filters.onboarding_state,
    }
    for condition, value in compared.items():
        if value is not None:
            conditions.append(condition)
            parameters[condition.rpartition(":")[2]] = value
    if facts := _facts(filters):
        conditions.append("documents.doc IN (SELECT rowid FROM facts WHERE facts MATCH :facts)")
        parameters["facts"] = all_of(facts)
    if filters.skills or filters.min_proficiency is not None:
        conditions.append("documents.doc IN (SELECT rowid FROM skill_facts WHERE skill_facts MATCH :skills)")
        parameters["skills"] = _skills(filters)
    return Selection(" AND ".join(conditions), parameters)


def _skills(filters: Filters) -> str:
    level = PROFICIENCIES.index(filters.min_proficiency) if filters.min_proficiency else 0
    wanted = [skill_fact(fold(name), level) for name in filters.skills] or [level_fact(level)]
    return all_of(quoted(term) for term in wanted)


def _facts(filters: Filters) -> list[str]:
    exact: dict[Kind, str | None] = {
        "email": filters.email,
        "phone": filters.phone,
        "employer": filters.employer and search_fold(filters.employer),
        "organization": filters.organization_id,
        "location": filters.location_id,
        "component": filters.component_type,
        "tag": filters.tag and search_fold(filters.tag),
    }
    found = [quoted(fact(kind, value)) for kind, value in exact.items() if value is not None]
    if filters.name_prefix is not None:
        found.append(quoted(fact("start", search_fold(filters.name_prefix)), prefix=True))
    for token in tokens(filters.location or ""):
        found.append(quoted(fact("place", token), prefix=len(token) >= MIN_PREFIX))
    return found
