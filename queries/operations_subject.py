"""The subject on which the owner of a partition takes the acts of operators."""

from __future__ import annotations


def operations_subject(app_id: str, partition: int) -> str:
    """The subject of one partition of an installation."""
    return f"person.operations.{app_id}.{partition}"
