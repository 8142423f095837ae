"""Whether the rows of one person satisfy filters, and which rows must be looked at to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from queries.filters import Filters, holds

Row = Mapping[str, Any]


def needs_document(filters: Filters) -> bool:
    """Whether the search document is needed; the status alone is in every row."""
    return filters.are_given


def needs_skills(filters: Filters) -> bool:
    """Whether the own row of the skills model is needed."""
    return bool(filters.skills) or filters.min_proficiency is not None


def matches(filters: Filters, document: Row | None, skills: Row | None) -> bool:
    """Whether a person with these rows passes; one without a search document never does."""
    return document is not None and holds(filters, document, () if skills is None else skills["skills"])
