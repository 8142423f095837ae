"""What each neighbour understands and how it answers: verbs to events, and what these events change in its own links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Effect = Literal["add", "remove", "move", "clear", "nothing"]


@dataclass(frozen=True)
class Verb:
    """How one command is answered: with event `event`, which has `effect` on the links of the person.

    `signal` is sent after it, also when there was nothing to do.
    """

    effect: Effect
    event: str
    signal: str | None = None


@dataclass(frozen=True)
class Neighbour:
    """One domain: the members that name a link, its verbs, and what it fills in where a command leaves it out."""

    key: tuple[str, ...]
    verbs: Mapping[str, Verb]
    filled: Mapping[str, Mapping[str, Any]]


_REASSIGN = Verb("move", "person_reassigned")
_RELEASE = Verb("clear", "person_released")
_FORGET = Verb("clear", "person_forgotten")
_OF_ALL = {"reassign_person": _REASSIGN, "release_person": _RELEASE, "forget_person": _FORGET}

_LANGUAGES = (
    {"language": "Python", "lines": 12_000, "percentage": 70},
    {"language": "Rust", "lines": 4_000, "percentage": 30},
)

NEIGHBOURS: dict[str, Neighbour] = {
    "identity": Neighbour(
        ("identity_id",),
        {
            "request_verification": Verb("add", "verified"),
            "link_person": Verb("add", "linked"),
            "unlink_person": Verb("remove", "unlinked", "undone"),
            **_OF_ALL,
        },
        {"verified": {"identity_type": "passport", "level": "Document"}, "linked": {"identity_type": "account"}},
    ),
    "organization": Neighbour(
        ("organization_id", "role"),
        {
            "start_employment": Verb("add", "person_joined"),
            "end_employment": Verb("remove", "person_left", "undone"),
            **_OF_ALL,
        },
        {"person_left": {"reason": "Rollback"}},
    ),
    "location": Neighbour(
        ("location_id", "usage"),
        {
            "request_assignment": Verb("add", "person_associated"),
            "associate_person": Verb("add", "person_associated"),
            "disassociate_person": Verb("remove", "person_disassociated", "undone"),
            **_OF_ALL,
        },
        {"person_associated": {"usage": "Residential", "is_primary": True}},
    ),
    "git": Neighbour(
        ("provider", "username"),
        {"analyze_contributions": Verb("add", "contributions_calculated"), **_OF_ALL},
        {
            "contributions_calculated": {
                "languages": _LANGUAGES,
                "commits": 420,
                "first": "2019-03-01",
                "last": "2025-01-01",
            }
        },
    ),
    "agent": Neighbour(("agent_id",), _OF_ALL, {}),
}
