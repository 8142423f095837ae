"""Agent project_network: the node of each person and the edges that it holds, rendered into table `network` (domain.md 16.5)."""

from __future__ import annotations

from agents.rendering import RenderingAgent
from domain.views import network


class ProjectNetwork(RenderingAgent):
    """Renders the node of each person whose name, status or relationships a cycle changed."""

    name = "project_network"
    model = network.MODEL
