"""The agents whose fold is a pure function of a person's events, and the rows that each makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from domain.person import dump_state
from domain.views import component_views, network, search, skills, summary
from ops.model_rows import PersonModels

Rows = Iterable[tuple[str, dict[str, Any]]]
"""Keys and rows of one person, as the table of the agent has them."""


def _model(name: str) -> Callable[[PersonModels], Rows]:
    def rows(models: PersonModels) -> Rows:
        row = models.row(name)
        return () if row is None else ((models.person.person_id, row),)

    return rows


def _timeline(models: PersonModels) -> Rows:
    person_id = models.person.person_id
    return ((f"{person_id}:{one['sequence']}:{one['part']}", one) for one in models.entries())


def _state(models: PersonModels) -> Rows:
    return ((models.person.person_id, orjson.loads(dump_state(models.person))),)


FOLDS: Final[Mapping[str, Callable[[PersonModels], Rows]]] = {
    "fold_persons": _state,
    "project_network": _model(network.MODEL.name),
    "project_search": _model(search.MODEL.name),
    "project_skills": _model(skills.NAME),
    "project_summary": _model(summary.MODEL.name),
    "project_timeline": _timeline,
    "project_views": _model(component_views.MODEL.name),
}
