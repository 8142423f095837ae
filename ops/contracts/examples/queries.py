"""Requests of each query about the persons of the story. Behind the story every one of them has an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.command_data.saga import StartSaga
from ops.contracts.examples.persons import ADA, BOB, CARLA, INGE, command
from ops.contracts.examples.processes import POLICY, SYNC
from ops.contracts.examples.story import LONG_AGO

REQUESTS: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "get_by_id": (
        {"person_id": ADA, "include": ["summary", "components", "relations", "titles", "attributes", "consents"]},
        {"person_id": ADA, "as_of_sequence": 2},
        {"person_id": BOB},
    ),
    "search": ({"text": "ada lovel", "limit": 10}, {"filters": {"skills": ["Python"], "status": ["Active"]}}),
    "get_projection": (
        {"projection": "summary", "key": ADA},
        {"projection": "search", "keys": [ADA, CARLA]},
        {"projection": "skills", "key": ADA},
        {"projection": "network", "key": ADA},
        {"projection": "timeline", "key": ADA},
        {"projection": "views", "key": ADA, "view": "contact"},
        {"projection": "statistics", "key": LONG_AGO[:10]},
        {"projection": "activity", "key": ADA},
        {"projection": "links", "keys": ["identity:idp-0815", "location:loc-7"]},
    ),
    "get_timeline": ({"person_id": ADA, "categories": ["lifecycle"], "order": "asc"},),
    "get_network": ({"person_id": ADA, "depth": 2, "metrics": True},),
    "find_path": ({"from": ADA, "to": CARLA},),
    "get_skills": ({"person_id": ADA},),
    "find_by_skill": ({"skills": ["Python", "Mechanics"], "match": "any"},),
    "recommend_skills": ({"person_id": ADA, "limit": 5},),
    "get_view": ({"view": "contact", "limit": 10},),
    "get_statistics": (
        {"to": "2036-12-31", "group": "total"},
        {"from": "2024-01-01", "to": "2036-12-31", "group": "day"},
    ),
    "get_events": ({"person_id": ADA, "from_sequence": 1, "limit": 3},),
    "get_correlation": ({"correlation_id": command(1)},),
    "get_chain": ({"person_id": ADA, "verify": True},),
    "get_outcome": ({"command_id": command(1)},),
    "subscribe": ({"projection": "summary", "filter": {"name_prefix": "ada"}},),
    "get_saga": (
        {"saga": "onboarding", "person_id": CARLA},
        {"saga_id": StartSaga.admit(SYNC).saga_id(INGE)},
    ),
    "list_sagas": (
        {"status": ["Running", "Compensating"], "updated_before": "2036-12-31T00:00:00Z"},
        {"parked": True, "saga": "cross_domain_sync", "step": "identity"},
        {"person_id": INGE, "limit": 10},
    ),
    "list_rules": ({"policy_id": POLICY, "with_decisions": True}, {"status": ["active", "shadow"]}),
    "list_quarantine": ({"agent": "fold_persons", "limit": 10},),
    "list_dead_letters": ({"route": "events", "agent": "fold_persons", "limit": 10}, {"person_id": ADA}),
    "count_dead_letters": ({}, {"cause": "unknown_type", "before": "2036-12-31T00:00:00Z"}),
    "get_dead_letter": ({"letter": f"fold_persons/{ADA}", "with_data": True},),
    "edit_dead_letter": (
        {"letter": f"fold_persons/{ADA}/1042", "data": "{}", "by": "user:ops-1", "why": "wrong unit"},
    ),
    "dry_run_dead_letter": ({"letter": f"fold_persons/{ADA}/1042"},),
    "redrive_dead_letter": ({"letter": f"fold_persons/{ADA}", "by": "user:ops-1", "why": "fixed in 1.4.2"},),
    "discard_dead_letter": (
        {"letter": f"fold_persons/{ADA}/1042", "by": "user:ops-1", "why": "written by hand, ticket 4711"},
    ),
    "list_dead_letter_acts": ({"letter": f"fold_persons/{ADA}/1042"}, {"limit": 10}),
}
"""Endpoint to its requests."""
