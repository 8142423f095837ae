"""Documents and occasions for tests of policies."""

from __future__ import annotations

from typing import Any

import pytest

from domain.event_data.base import EventData
from domain.event_data.policy import PersonInactiveFor
from domain.events import Event
from domain.person import Person
from domain.policies.occasion import Occasion
from domain.policies.refusal import PolicyInvalid
from domain.policies.registration import CheckedPolicy, check
from tests.domain.specification import NOW, created, person_after, recorded

INACTIVE = {"days": 400, "threshold": 366, "last_activity_at": "2025-01-01T00:00:00Z"}


def document(**changes: Any) -> dict[str, Any]:
    """A document that can be registered, with some members changed; None takes one out."""
    members: dict[str, Any] = {
        "policy_id": "auto-archive",
        "version": 1,
        "title": "Archive who is inactive",
        "trigger": "person.inactive_for",
        "condition": "event.data.days > 365",
        "command": {
            "type": "person.commands.lifecycle.archive",
            "expectedversion": "event.sequence",
            "data": {"reason": "='inactive for ' + string(event.data.days) + ' days'"},
        },
        "examples": [
            {"event": {"data": INACTIVE}, "expect": "fires"},
            {"event": {"data": {**INACTIVE, "days": 30}}, "expect": "silent"},
        ],
        **changes,
    }
    return {name: member for name, member in members.items() if member is not None}


def conditional(condition: str, **changes: Any) -> dict[str, Any]:
    """A document whose examples say nothing about the condition: they are left for the test to be wrong."""
    return document(condition=condition, **changes)


def deny(condition: str, **changes: Any) -> dict[str, Any]:
    """A deny rule on archiving."""
    return document(
        policy_id="no-archive",
        effect="deny",
        trigger="person.commands.lifecycle.archive",
        condition=condition,
        command=None,
        **changes,
    )


def refusal(wrong: dict[str, Any]) -> PolicyInvalid:
    """The refusal of a document."""
    with pytest.raises(PolicyInvalid) as caught:
        check(wrong)
    assert caught.value.code == "policy_invalid"
    return caught.value


def checked(**changes: Any) -> CheckedPolicy:
    """The policy in a document."""
    return check(document(**changes))


def inactive(days: int = 400) -> PersonInactiveFor:
    """Nothing was heard for some days."""
    return PersonInactiveFor(days=days, threshold=366, last_activity_at=NOW)


def occasion(data: EventData, *past: EventData, **attributes: Any) -> Occasion:
    """An event behind a past, and the person right after it."""
    event, person = happened(data, *past, **attributes)
    return Occasion.of_event(event, person)


def happened(data: EventData, *past: EventData, **attributes: Any) -> tuple[Event, Person]:
    """An event behind a past (that of a created person if none is given), and the person after it."""
    before = past or (created(),)
    return recorded(data, len(before) + 1, **attributes), person_after(*before, data)
