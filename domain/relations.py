"""Links of a person to what other domains own. Only foreign ids are kept, never copied names or addresses."""

import re
from typing import Annotated, Final, Literal

from domain.model import Frozen
from domain.personal import OfProfile
from domain.times import Day, Instant
from domain.values.rules import broken, on_entry

VerificationLevel = Literal["Unverified", "Email", "Phone", "Document", "Fully"]
LocationType = Literal[
    "Residence",
    "Work",
    "Mailing",
    "Billing",
    "Shipping",
    "Birthplace",
    "Vacation",
    "Emergency",
    "Temporary",
    "Other",
]
EmploymentType = Literal[
    "FullTime", "PartTime", "Contract", "Freelance", "Internship", "Temporary", "Volunteer", "Other"
]
EmploymentEnd = Literal[
    "Resignation",
    "Termination",
    "Layoff",
    "Retirement",
    "ContractEnd",
    "OrganizationDissolved",
    "Rollback",
    "Other",
]
Assignment = Literal["Exclusive", "Shared", "Temporary"]

# Without "@", so that an e-mail address is never an id.
_FOREIGN_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


def _opaque(text: str) -> str:
    if _FOREIGN_ID.fullmatch(text) is None:
        raise broken("foreign_id")
    return text


ForeignId = Annotated[str, on_entry(_opaque, pattern=f"^{_FOREIGN_ID.pattern}$")]
"""Id of something that another domain owns."""


class LinkedIdentity(Frozen):
    """An identity that stands for the person."""

    identity_type: str
    verification_level: VerificationLevel
    linked_at: Instant


class AssignedLocation(Frozen):
    """A place of the person, in one use."""

    location_id: str
    location_type: LocationType
    is_primary: bool = False
    start_date: Day | None = None


class HeldEmployment(Frozen):
    """A post of the person in an organization, open as long as it has no end."""

    employment_id: str
    organization_id: OfProfile[str]
    role: OfProfile[str]
    employment_type: EmploymentType = "Other"
    department_id: OfProfile[str] | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    is_primary: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it has not been ended."""
        return self.end_date is None


class AssignedAgent(Frozen):
    """An agent that acts for the person."""

    agent_type: str
    assignment: Assignment
    permissions: tuple[str, ...] = ()


def location_key(location_id: str, location_type: str) -> str:
    """Key of a location in the state: one place may serve several uses."""
    return f"{location_type}:{location_id}"
