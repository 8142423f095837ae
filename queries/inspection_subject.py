"""The subject on which the owner of a partition shows its rows as they are stored, and makes wrong ones right."""

from __future__ import annotations


def inspection_subject(app_id: str, partition: int) -> str:
    """The subject of one partition of an installation."""
    return f"person.inspections.{app_id}.{partition}"
