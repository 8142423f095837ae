"""Events of links to locations, organizations and agents. They hold foreign ids, never copies of what these name."""

from typing import Final

from domain.event_data.base import EventData, EventSpec
from domain.ids import Uuid
from domain.personal import OfProfile
from domain.relations import Assignment, EmploymentEnd, EmploymentType, LocationType
from domain.times import Day
from domain.values.rules import Flag


class LocationAssigned(EventData):
    """A place serves the person in one use; a primary one replaces the primary of before."""

    location_id: OfProfile[str]
    location_type: LocationType
    is_primary: Flag = False
    start_date: Day | None = None


class LocationRemoved(EventData):
    """A place serves the person no longer: in one use, or in none when no type is given."""

    location_id: OfProfile[str]
    location_type: LocationType | None = None
    end_date: Day | None = None
    reason: OfProfile[str] | None = None


class EmploymentAdded(EventData):
    """The person has, or had, a post; a primary one replaces the primary of before."""

    employment_id: Uuid
    organization_id: OfProfile[str]
    role: OfProfile[str]
    employment_type: EmploymentType = "Other"
    department_id: OfProfile[str] | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    is_primary: Flag = False


class EmploymentEnded(EventData):
    """A post ended."""

    employment_id: Uuid
    end_date: Day
    reason: EmploymentEnd


class EmploymentRoleChanged(EventData):
    """The person has another role in the same post."""

    employment_id: Uuid
    old_role: OfProfile[str]
    new_role: OfProfile[str]
    effective_date: Day


class AgentAssigned(EventData):
    """An agent acts for the person."""

    agent_id: OfProfile[str]
    agent_type: str
    assignment: Assignment
    permissions: tuple[str, ...] = ()


class AgentUnassigned(EventData):
    """An agent acts for the person no longer."""

    agent_id: OfProfile[str]
    reason: OfProfile[str] | None = None


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.location_assigned", 2, "relationship", "location_assigned", LocationAssigned),
    EventSpec("person.location_removed", 1, "relationship", "location_removed", LocationRemoved),
    EventSpec("person.employment_added", 3, "relationship", "employment_added", EmploymentAdded),
    EventSpec("person.employment_ended", 2, "relationship", "employment_ended", EmploymentEnded),
    EventSpec("person.employment_role_changed", 1, "relationship", "employment_role_changed", EmploymentRoleChanged),
    EventSpec("person.agent_assigned", 1, "relationship", "agent_assigned", AgentAssigned),
    EventSpec("person.agent_unassigned", 1, "relationship", "agent_unassigned", AgentUnassigned),
)
