"""Agent project_summary: the state of each touched person, rendered into table `summary` (domain.md 16.2)."""

from __future__ import annotations

from agents.rendering import RenderingAgent
from domain.views import summary


class ProjectSummary(RenderingAgent):
    """Renders the summary row of each person that a cycle touched; every event changes it."""

    name = "project_summary"
    model = summary.MODEL
