"""Component type Education: where and what the person studied."""

from typing import Annotated, Literal

from domain.components.base import ComponentData
from domain.times import Day
from domain.values.period import not_before
from domain.values.rules import NotBlank, fold


class EducationComponent(ComponentData):
    """A course of study and its result."""

    type_name = "Education"
    group = "profile"
    access = "career"

    institution: NotBlank
    degree_type: Literal[
        "HighSchool",
        "Associate",
        "Bachelor",
        "Master",
        "Doctorate",
        "Professional",
        "Certificate",
        "Diploma",
        "Other",
    ]
    field_of_study: str
    start_date: Day
    end_date: Annotated[Day, not_before("start_date")] | None = None
    grade: str | None = None
    activities: tuple[str, ...] = ()
    honors: tuple[str, ...] = ()
    thesis_title: str | None = None

    def natural_key(self) -> tuple[str, ...]:
        """Institution, degree, field and start."""
        return (fold(self.institution), self.degree_type, fold(self.field_of_study), self.start_date.isoformat())
