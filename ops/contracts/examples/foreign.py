"""Examples of what neighbouring domains say and of what they are asked, as complete messages; each neighbour says more than this domain reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from domain.envelope import CONTENT_TYPE, SPEC_VERSION
from domain.ids import derive
from domain.translate.outbound import NEIGHBOURS, OUTBOUND, OutboundSpec
from domain.translate.signals import ANSWERS
from ops.contracts.examples.persons import ADA, BOB

SAGA: Final = derive(ADA, "saga")
PROFILE: Final = derive(ADA, "git profile")

SAID: Final[Mapping[str, Mapping[str, Any]]] = {
    "identity.created": {"identity_id": "idp-81", "identity_type": "account", "person_id": ADA, "realm": "staff"},
    "identity.linked": {"identity_id": "idp-81", "identity_type": "account", "level": "Email", "person_id": ADA},
    "identity.verified": {"identity_id": "idp-81", "identity_type": "passport", "level": "Document", "person_id": ADA},
    "identity.unlinked": {"identity_id": "idp-81", "person_id": ADA},
    "identity.revoked": {"identity_id": "idp-81", "person_id": ADA, "policy": "stolen-device"},
    "identity.merged": {"from": "idp-81", "to": "idp-95"},
    "organization.person_joined": {
        "organization_id": "org-7",
        "role": "Analyst",
        "department_id": "dep-3",
        "employment_type": "FullTime",
        "start_date": "2024-02-01",
        "person_id": ADA,
        "desk": "4.17",
    },
    "organization.person_left": {
        "organization_id": "org-7",
        "role": "Analyst",
        "end_date": "2025-01-31",
        "reason": "Resignation",
        "person_id": ADA,
    },
    "organization.person_role_changed": {
        "organization_id": "org-7",
        "old_role": "Analyst",
        "new_role": "Lead",
        "effective_date": "2024-09-01",
        "person_id": ADA,
    },
    "organization.dissolved": {"organization_id": "org-7", "dissolved_on": "2025-03-31", "successor": None},
    "location.person_associated": {
        "location_id": "loc-12",
        "usage": "Residential",
        "is_primary": True,
        "person_id": ADA,
        "floor": 3,
    },
    "location.person_disassociated": {"location_id": "loc-12", "usage": "Residential", "person_id": ADA},
    "location.person_moved": {"from": "loc-12", "to": "loc-13", "usage": "Business", "person_id": ADA},
    "location.deactivated": {"location_id": "loc-13", "deactivated_on": "2025-06-30"},
    "location.address_validated": {"component_id": PROFILE, "status": "Undeliverable", "person_id": ADA},
    "git.author_identified": {"provider": "GitHub", "username": "ada", "repositories": 12, "person_id": ADA},
    "git.contributions_calculated": {
        "provider": "GitHub",
        "username": "ada",
        "languages": [{"name": "Rust", "percentage": 71.5, "lines": 8200, "last_used": "2025-01-01"}, "Go"],
        "commits": 420,
        "first": "2019-03-01",
        "last": "2025-01-01",
        "person_id": ADA,
    },
    "git.commit_analyzed": {"provider": "GitHub", "username": "ada", "repository": "engine", "lines": 31},
    "git.pull_request_merged": {"provider": "GitHub", "username": "ada", "number": 17},
    "git.code_review_completed": {"provider": "GitHub", "username": "ada", "number": 18},
    "agent.assigned_to_person": {
        "agent_id": "agent-2",
        "type": "assistant",
        "assignment": "Shared",
        "permissions": ["calendar.read"],
        "person_id": ADA,
        "model": "m-4",
    },
    "agent.unassigned": {"agent_id": "agent-2", "person_id": ADA},
    "agent.interaction_completed": {"agent_id": "agent-2", "person_id": ADA, "seconds": 40},
}
"""Data of each event that becomes commands, by type."""

ASKED: Final[Mapping[str, Mapping[str, Any]]] = {
    "link_person": {"identity_id": "idp-81", "identity_type": "account"},
    "unlink_person": {"identity_id": "idp-81"},
    "start_employment": {"organization_id": "org-7", "role": "Analyst", "start_date": "2024-02-01"},
    "end_employment": {"organization_id": "org-7", "role": "Analyst", "end_date": "2024-02-01", "reason": "Rollback"},
    "associate_person": {"location_id": "loc-12", "usage": "Residence"},
    "disassociate_person": {"location_id": "loc-12", "usage": "Residence"},
    "analyze_contributions": {"component_id": PROFILE, "provider": "GitHub", "username": "ada"},
    "reassign_person": {"from_person_id": ADA, "to_person_id": BOB},
    "release_person": {"cause": "Archived", "effective_date": "2025-05-31"},
}
"""Data of commands to neighbours beyond what all of them have, by verb."""


def said(event_type: str) -> dict[str, Any]:
    """An event of a neighbour. Raises KeyError for a type that is not read."""
    domain, _, name = event_type.partition(".")
    data = SAID[event_type] if name not in ANSWERS else {"saga_id": SAGA, "person_id": ADA, "saga_step": "release"}
    return {
        "specversion": SPEC_VERSION,
        "id": derive(ADA, event_type),
        "type": event_type,
        "source": f"/{domain}",
        "time": "2025-04-01T09:30:00Z",
        "datacontenttype": CONTENT_TYPE,
        "data": dict(data),
    }


def asked(spec: OutboundSpec) -> dict[str, Any]:
    """A command to a neighbour."""
    by_saga = {} if spec.verb == "analyze_contributions" else {"saga_id": SAGA, "saga_step": "step"}
    command_id = derive(SAGA, spec.type)
    return {
        "specversion": SPEC_VERSION,
        "id": command_id,
        "type": spec.type,
        "dataversion": 1,
        "source": "/person/saga" if by_saga else "/person/adapter/git",
        "subject": ADA,
        "time": "2025-04-01T09:30:00Z",
        "datacontenttype": CONTENT_TYPE,
        "correlationid": SAGA,
        "causationid": derive(SAGA, "1"),
        "causationdepth": 1,
        "actor": "saga:cross_domain_sync" if by_saga else "adapter:git",
        "data": {"person_id": ADA, **by_saga, **ASKED.get(spec.verb, {})},
    }


def all_said() -> dict[str, dict[str, Any]]:
    """An example of each event that is read, by type."""
    answers = [f"{domain}.{answer}" for domain in NEIGHBOURS for answer in ANSWERS]
    return {event_type: said(event_type) for event_type in (*SAID, *answers)}


def all_asked() -> dict[str, dict[str, Any]]:
    """An example of each command to a neighbour, by type."""
    return {command_type: asked(spec) for command_type, spec in OUTBOUND.items()}
