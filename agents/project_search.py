"""Agent project_search: the search document of each person, rendered into table `search` (domain.md 16.3)."""

from __future__ import annotations

from agents.rendering import RenderingAgent
from domain.views import search


class ProjectSearch(RenderingAgent):
    """Renders the search document of each person that a cycle changed."""

    name = "project_search"
    model = search.MODEL
