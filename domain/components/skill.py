"""Component type Skill: something the person can do, how well, and who says so."""

from typing import Annotated, Literal

from domain.components.base import ComponentData
from domain.ids import Uuid
from domain.model import Frozen
from domain.times import Day
from domain.values.rules import NotBlank, Number, fold, within

Proficiency = Literal["Beginner", "Intermediate", "Advanced", "Expert"]


class Endorsement(Frozen):
    """Someone vouches for the skill."""

    endorser_id: Uuid | None = None
    endorser_name: str | None = None
    date: Day
    comment: str | None = None


class SkillComponent(ComponentData):
    """A skill. Endorsements change only through endorsing."""

    type_name = "Skill"
    group = "profile"
    access = "career"
    derived_fields = frozenset({"endorsements"})

    name: NotBlank
    category: Literal[
        "Technical",
        "Programming",
        "Language",
        "Management",
        "Creative",
        "Analytical",
        "Communication",
        "Other",
    ]
    proficiency: Proficiency
    years_of_experience: Annotated[Number, within(0, 80, "years_of_experience")] | None = None
    last_used: Day | None = None
    endorsements: tuple[Endorsement, ...] = ()
    certifications: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()

    def natural_key(self) -> tuple[str, ...]:
        """The name."""
        return (fold(self.name),)
