"""The application with a defect in one fold, as a release may have it: no summary can be rendered of whoever has a certain family name."""

from __future__ import annotations

from agents.project_summary import ProjectSummary
from agents.rendering import Due, RenderingAgent
from app import app
from domain.values.person_name import PersonName
from domain.views.portrait import Row
from tests.drill.people import UNFORTUNATE

__all__ = ["app"]

_render = ProjectSummary.render


def _defective(agent: RenderingAgent, due: Due) -> Row | None:
    name = due.portrait.person.name
    if isinstance(name, PersonName) and UNFORTUNATE in name.family_names:
        raise ZeroDivisionError("a defect of this release")
    return _render(agent, due)


ProjectSummary.render = _defective  # type: ignore[assignment, method-assign]
