"""Component type Employment: a post in the person's career, as the person tells it."""

from typing import Annotated, Literal

from domain.components.base import ComponentData
from domain.relations import EmploymentType
from domain.times import Day
from domain.values.period import not_before, unless_ended
from domain.values.rules import Flag, NotBlank, fold


class EmploymentComponent(ComponentData):
    """A post. One that is current has no end."""

    type_name = "Employment"
    group = "profile"
    access = "career"

    company: NotBlank
    position: NotBlank
    employment_type: EmploymentType
    start_date: Day
    end_date: Annotated[Day, not_before("start_date")] | None = None
    is_current: Annotated[Flag, unless_ended("end_date")] = False
    department: str | None = None
    remote_type: Literal["OnSite", "Remote", "Hybrid", "Unknown"] = "Unknown"
    description: str | None = None
    responsibilities: tuple[str, ...] = ()
    achievements: tuple[str, ...] = ()

    def natural_key(self) -> tuple[str, ...]:
        """Company, position and start."""
        return (fold(self.company), fold(self.position), self.start_date.isoformat())
