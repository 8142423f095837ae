"""The read models with one row per person: their tables, the agents that fill them, and the component views within a row of `views`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from agents.fold_persons import FoldPersons
from queries.tables_of_worker import WorkerTables
from tables.rendered import RenderedTable

View = Literal["employee", "customer", "partner", "candidate", "contact"]
_SHARED: Final = ("person_id", "status", "display_name", "sequence", "position")

PERSON_MODELS: Final[Mapping[str, Callable[[WorkerTables], RenderedTable]]] = {
    "summary": lambda tables: tables.summary,
    "search": lambda tables: tables.search,
    "skills": lambda tables: tables.skills,
    "network": lambda tables: tables.network,
    "views": lambda tables: tables.views,
}
"""The table of a model by its name."""


def agents_of(model: str) -> tuple[str, ...]:
    """The agents that must not have parked a person whose row of a model is asked for."""
    if model == "activity":
        return (FoldPersons.name,)
    own = f"project_{model}"
    return (own,) if model == "timeline" else (FoldPersons.name, own)


def of_view(row: Mapping[str, Any], view: View) -> dict[str, Any] | None:
    """A row of `views` narrowed to one view, None when the person has not got it."""
    columns = row.get(view)
    if columns is None:
        return None
    return {**{name: row[name] for name in _SHARED}, **columns}
