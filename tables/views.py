"""Table `views`: person id to the component views of domain.md 16.7 that hold for the person, with `sequence` and `position`."""

from __future__ import annotations

from tables.rendered import RenderedTable

NAME = "views"


class ViewsTable(RenderedTable):
    """Reads of the component views."""
