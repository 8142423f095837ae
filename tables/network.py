"""Table `network`: person id to the node row of domain.md 16.5, with the edges that the person holds, with `sequence` and `position`."""

from __future__ import annotations

from tables.rendered import RenderedTable

NAME = "network"


class NetworkTable(RenderedTable):
    """Reads of the nodes of the network."""
