"""All questions: one module per question, collected here by the names of their endpoints and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from queries.endpoint import Endpoint, Read
from queries.endpoints import (
    chain,
    correlation,
    events,
    find_by_skill,
    find_path,
    network,
    outcome,
    person,
    projection,
    quarantine,
    recommend_skills,
    rules,
    saga,
    sagas,
    search,
    skills,
    statistics,
    timeline,
    view,
)
from queries.subscriptions import endpoint as subscription

ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    module.ENDPOINT.name: module.ENDPOINT
    for module in (
        person,
        projection,
        timeline,
        search,
        skills,
        find_by_skill,
        recommend_skills,
        network,
        find_path,
        view,
        statistics,
        events,
        correlation,
        chain,
        outcome,
        saga,
        sagas,
        rules,
        subscription,
        quarantine,
    )
}
"""Endpoints by name."""

READS: Final[Mapping[str, Read[Any]]] = {read.name: read for endpoint in ENDPOINTS.values() for read in endpoint.reads}
"""What owners of partitions are asked, by name."""
