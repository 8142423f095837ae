"""Table `summary`: person id to the summary row of domain.md 16.2, with `sequence` and `position`."""

from __future__ import annotations

from tables.rendered import RenderedTable

NAME = "summary"


class SummaryTable(RenderedTable):
    """Reads of the summary model."""
