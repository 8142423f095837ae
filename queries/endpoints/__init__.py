"""All questions: one module per question, collected here by the names of their endpoints and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from queries.endpoint import Endpoint, Read
from queries.endpoints import (
    chain,
    correlation,
    count_dead_letters,
    discard_dead_letter,
    dry_run_dead_letter,
    edit_dead_letter,
    events,
    find_by_skill,
    find_path,
    get_dead_letter,
    list_dead_letter_acts,
    list_dead_letters,
    network,
    outcome,
    person,
    projection,
    quarantine,
    recommend_skills,
    redrive_dead_letter,
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
        list_dead_letters,
        count_dead_letters,
        get_dead_letter,
        edit_dead_letter,
        dry_run_dead_letter,
        redrive_dead_letter,
        discard_dead_letter,
        list_dead_letter_acts,
    )
}
"""Endpoints by name."""

READS: Final[Mapping[str, Read[Any]]] = {read.name: read for endpoint in ENDPOINTS.values() for read in endpoint.reads}
"""What owners of partitions are asked, by name."""
