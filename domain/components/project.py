"""Component type Project: something the person worked on, for a time."""

from typing import Annotated

from domain.components.base import ComponentData
from domain.times import Day
from domain.values.money import Money
from domain.values.period import not_before, unless_ended
from domain.values.rules import Count, Flag, NotBlank, fold, within
from domain.values.url import Url


class ProjectComponent(ComponentData):
    """A project and the person's part in it. One that is ongoing has no end."""

    type_name = "Project"
    group = "profile"
    access = "career"

    project_name: NotBlank
    description: str
    role: NotBlank
    company: str | None = None
    client: str | None = None
    start_date: Day
    end_date: Annotated[Day, not_before("start_date")] | None = None
    is_ongoing: Annotated[Flag, unless_ended("end_date")] = False
    team_size: Annotated[Count, within(1, 1_000_000)] | None = None
    budget: Money | None = None
    technologies: tuple[str, ...] = ()
    methodologies: tuple[str, ...] = ()
    deliverables: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    url: Url | None = None

    def natural_key(self) -> tuple[str, ...]:
        """Name and start."""
        return (fold(self.project_name), self.start_date.isoformat())
