"""Checks a document in a file, without any server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from domain.policies.checked import CheckedPolicy
from domain.policies.refusal import PolicyInvalid
from domain.policies.registration import check
from ops.policies.files import PolicyFileError, read_policy_file
from ops.policies.rules import numbered


class Validation(NamedTuple):
    """What was found in a file: a policy, or a fault."""

    file: Path
    policy: CheckedPolicy | None
    fault: str | None
    facts: dict[str, Any]
    excerpt: str | None
    """The text in which a place is named."""

    def as_data(self) -> dict[str, Any]:
        """For machines."""
        return {
            "file": str(self.file),
            "policy": self.policy.name if self.policy else None,
            "fault": self.fault,
            **self.facts,
        }


def validated(file: Path) -> Validation:
    """The policy in a file, or why it is none."""
    try:
        document = numbered(read_policy_file(file), 1)
    except PolicyFileError as error:
        return Validation(file, None, str(error), {}, None)
    try:
        return Validation(file, check(document), None, {}, None)
    except PolicyInvalid as refused:
        return Validation(file, None, refused.explanation, refused.facts, _text_at(document, refused.facts))


def _text_at(document: Any, facts: dict[str, Any]) -> str | None:
    """The expression that a refusal leads to."""
    if "column" not in facts:
        return None
    found: Any = document
    for name in str(facts["field"]).split(".")[1:]:
        found = found[int(name)] if isinstance(found, list) else found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None
