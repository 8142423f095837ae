"""Table `skills`: person id to the own row of domain.md 16.4, with `sequence` and `position`."""

from __future__ import annotations

from tables.rendered import RenderedTable

NAME = "skills"


class SkillsTable(RenderedTable):
    """Reads of the skills of persons."""
