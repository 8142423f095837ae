"""Titles: awarded, perhaps expiring, perhaps revoked; never a part of the name."""

from datetime import date
from typing import Literal

from domain.ids import Uuid
from domain.model import Frozen
from domain.personal import OfIdentity
from domain.times import Day

TitleType = Literal["Academic", "Professional", "Noble", "Honorary", "Military", "Religious", "Other"]


class PersonTitle(Frozen):
    """One title of a person, as a state holds it."""

    title_id: Uuid
    title: OfIdentity[str]
    title_type: TitleType
    awarded_date: OfIdentity[Day] | None = None
    expiry_date: OfIdentity[Day] | None = None
    revoked_date: Day | None = None
    issuing_authority: OfIdentity[str] | None = None

    def is_valid_on(self, day: date) -> bool:
        """Whether the title is awarded, not expired and not revoked on a day; what is unknown does not speak against it."""
        awarded = self.awarded_date if isinstance(self.awarded_date, date) else None
        expiry = self.expiry_date if isinstance(self.expiry_date, date) else None
        return (
            (awarded is None or awarded <= day)
            and (expiry is None or day <= expiry)
            and (self.revoked_date is None or day < self.revoked_date)
        )
