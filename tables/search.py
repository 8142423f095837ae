"""Table `search`: person id to the search document of domain.md 16.3, with `sequence` and `position`."""

from __future__ import annotations

from tables.rendered import RenderedTable

NAME = "search"


class SearchTable(RenderedTable):
    """Reads of the search documents."""
