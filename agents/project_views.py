"""Agent project_views: the component views of each person, rendered into table `views` (domain.md 16.7)."""

from __future__ import annotations

from agents.rendering import RenderingAgent
from domain.views import component_views


class ProjectViews(RenderingAgent):
    """Renders the views that hold for each person that a cycle changed."""

    name = "project_views"
    model = component_views.MODEL
