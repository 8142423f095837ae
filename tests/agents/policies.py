"""Policies for tests: documents that concern one person only, so that nobody else of the shared servers notices them."""

from __future__ import annotations

import uuid
from typing import Any

FLAG_QUALITY = "person.commands.policy.flag_quality"


def name_policy(person_id: str, *, policy_id: str | None = None, version: int = 1, **changes: Any) -> dict[str, Any]:
    """A policy that flags a person whenever its name changes."""
    return {
        "policy_id": policy_id or f"test-{uuid.uuid4().hex[:12]}",
        "version": version,
        "title": "Names of one person",
        "trigger": "person.name_updated",
        "condition": f'event.subject == "{person_id}"',
        "command": {"type": FLAG_QUALITY, "data": {"flag": "odd_name"}},
        "examples": [
            {"event": {"subject": person_id, "data": NAMED}, "expect": "fires"},
            {"event": {"data": NAMED}, "expect": "silent"},
        ],
        **changes,
    }


def deny_rule(person_id: str, *, version: int = 1, **changes: Any) -> dict[str, Any]:
    """A rule that lets nobody change the name of a person to "Mallory"."""
    named = {"name": {"given_names": ["Mallory"]}}
    return {
        "policy_id": f"test-{uuid.uuid4().hex[:12]}",
        "version": version,
        "title": "No Mallory",
        "effect": "deny",
        "trigger": "person.commands.update",
        "condition": f'command.subject == "{person_id}" && command.data.name.given_names[0] == "Mallory"',
        "examples": [
            {"command": {"subject": person_id, "data": named}, "expect": "fires"},
            {"command": {"data": named}, "expect": "silent"},
        ],
        **changes,
    }


NAMED: dict[str, Any] = {"new_name": {"given_names": ["Ada"], "naming_convention": "Western"}}
