"""Agent project_skills: the skills of each person and what goes with them, rendered into table `skills` (domain.md 16.4).

The state does not keep what an analysis recommended: the row does, until the next analysis."""

from __future__ import annotations

from agents.rendering import Due, ModelAgent
from domain.event_data.policy import SkillsAnalyzed
from domain.views import skills
from domain.views.portrait import Row
from domain.views.skills import Recommended, recommended_by, render_skills
from tables import rendered


class ProjectSkills(ModelAgent):
    """Renders the skills of each person that a cycle changed."""

    name = "project_skills"
    changed_by = skills.CHANGED_BY

    def render(self, due: Due) -> Row | None:
        """The rendering of the state and of the last analysis."""
        return render_skills(due.portrait, self._recommended(due))

    @staticmethod
    def _recommended(due: Due) -> Recommended:
        """By the newest analysis among the events since the row was made, else as the row says."""
        row = rendered.find(due.view, due.portrait.person.person_id)
        held = 0 if row is None else int(row["sequence"])
        for arrival in reversed(due.arrivals):
            event = arrival.event
            if event is None or arrival.discarded is not None or event.sequence <= held:
                continue
            for part in reversed(event.parts):
                if isinstance(part.data, SkillsAnalyzed):
                    return recommended_by(part.data)
        return [] if row is None else row["recommended"]
