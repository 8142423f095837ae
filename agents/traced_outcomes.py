"""What the spans of commands say of their outcomes: status and code."""

from __future__ import annotations

from collections.abc import Mapping

from agents.command_intake import decided
from lanes.agent import Batch


def traced_outcomes(batch: Batch, command_ids: frozenset[str]) -> Mapping[str, Mapping[str, str]]:
    """The outcomes of the given commands that were decided in this cycle, as attributes by command id."""
    told: dict[str, Mapping[str, str]] = {}
    for one in decided(batch):
        if one.command_id in command_ids and one.outcome is not None:
            status = {"person.outcome.status": one.outcome.status}
            told[one.command_id] = {**status, "person.outcome.code": one.outcome.code} if one.outcome.code else status
    return told
