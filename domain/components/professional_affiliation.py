"""Component type ProfessionalAffiliation: a membership in a professional body."""

from typing import Annotated

from domain.components.base import ComponentData
from domain.times import Day
from domain.values.period import not_before
from domain.values.rules import Flag, NotBlank, fold


class ProfessionalAffiliationComponent(ComponentData):
    """A membership and what the member does there."""

    type_name = "ProfessionalAffiliation"
    group = "profile"
    access = "career"

    organization_name: NotBlank
    membership_type: NotBlank
    member_id: str | None = None
    role: str | None = None
    start_date: Day
    end_date: Annotated[Day, not_before("start_date")] | None = None
    is_active: Flag = False
    committees: tuple[str, ...] = ()
    contributions: tuple[str, ...] = ()

    def natural_key(self) -> tuple[str, ...]:
        """Organization and start."""
        return (fold(self.organization_name), self.start_date.isoformat())
