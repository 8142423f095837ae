"""Links of a person to what other domains own. Only foreign ids are kept, never copied names or addresses."""

from typing import Literal

from domain.model import Frozen
from domain.personal import OfProfile
from domain.times import Day, Instant

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
