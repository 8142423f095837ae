"""What a row of each read model looks like to a reader. Rows are made by `domain/views`; the tests compare both.

Times are RFC 3339 in UTC; a column without value is null unless it says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from domain.components.communication_preferences import DoNotDisturb
from domain.components.skill import Proficiency
from domain.ids import Uuid
from domain.links import LinkKind
from domain.relations import VerificationLevel
from domain.status import Status
from domain.times import Day, Instant
from domain.values.address import Address
from ops.contracts.compatibility import ASKED_FOR

LEFT_OUT: Final[Any] = None
"""Default of a column that is not there when it has no value."""


class Position(BaseModel):
    """A place in the event stream."""

    partition: int = Field(ge=0)
    stream_sequence: int = Field(ge=0)


class Row(BaseModel):
    """What every row carries: the place of the last event in it."""

    position: Position


class PersonRow(Row):
    """A row with the person id as its key, and the sequence of the person's last event in it."""

    person_id: Uuid
    sequence: int = Field(ge=1)


class Remainder(PersonRow):
    """The summary of a person that was merged away or erased: what is left, and where it leads to."""

    status: Status
    redirect_to: Uuid = LEFT_OUT
    erased: Literal[True] = LEFT_OUT


class SummaryColumns(BaseModel):
    """The columns of a summary."""

    person_id: Uuid
    status: Status
    version: int = Field(ge=1)
    created_at: Instant
    updated_at: Instant
    last_activity_at: Instant | None
    display_name: str | None
    sort_name: str | None
    primary_email: str | None
    primary_email_component_id: Uuid | None
    primary_phone: str | None
    primary_phone_component_id: Uuid | None
    current_employer: str | None
    current_role: str | None
    current_organization_ids: list[str]
    location: str | None
    primary_location_id: str | None
    skills_count: int
    component_count: int
    component_types: list[str]
    identity_level: VerificationLevel
    onboarding_state: str | None
    onboarding_run: int | None
    quality_flags: list[str]
    redirect_to: None
    erased: Literal[False]


class Summary(SummaryColumns, PersonRow):
    """The summary of a person: one flat row for lists, cards and filters."""


class SearchDocument(PersonRow):
    """The search document of a person: what can be found, and what filters ask for."""

    status: Status
    display_name: str | None
    names: list[str]
    emails: list[str]
    phones: list[str]
    employers: list[str]
    roles: list[str]
    skills: list[str]
    locations: list[str]
    tags: list[str]
    organization_ids: list[str]
    location_ids: list[str]
    component_types: list[str]
    identity_level: VerificationLevel
    onboarding_state: str | None
    created_at: Instant


class SkillColumn(BaseModel):
    """One skill of a person."""

    name: str
    category: str
    proficiency: Proficiency
    years_of_experience: float | None
    last_used: Day | None
    endorsement_count: int
    is_verified: bool
    derived: bool


class RecommendedColumn(BaseModel):
    """A skill that an analysis recommends."""

    name: str
    confidence: float
    from_: str = Field(alias="from")


class Skills(PersonRow):
    """The skills of a person, and what the last analysis recommends."""

    status: Status
    display_name: str | None
    skills: list[SkillColumn]
    by_category: dict[str, int]
    total_endorsements: int
    average_proficiency: float | None
    recommended: list[RecommendedColumn]


class Edge(BaseModel):
    """An edge of the network: what another person is to its owner."""

    owner: Uuid
    other: Uuid
    type: str
    strength: float
    start_date: Day | None
    end_date: Day | None
    last_interaction: Instant | None
    interaction_count: int
    component_id: Uuid


class Node(PersonRow):
    """The node of a person in the network, with the edges that the person holds. A merged person is a redirect without edges."""

    status: Status
    display_name: str | None
    redirect_to: Uuid | None
    edges: list[Edge]


class TimelineEntry(PersonRow):
    """What happened to a person: one entry per event. The details of an erased person are left out."""

    part: int = Field(ge=0)
    at: Instant
    type: str
    category: str
    title: str
    actor: str
    correlation_id: Uuid
    details: dict[str, JsonValue] = LEFT_OUT


class Employee(BaseModel):
    """Columns of an employee."""

    email: str
    phone: str | None
    organization_ids: list[str]
    employer: str | None
    position: str | None
    department: str | None
    start_date: Day | None
    employment_type: str


class Customer(BaseModel):
    """Columns of a customer."""

    email: str
    phone: str | None
    preferred_channels: list[str]
    language: str | None
    segment: str | None
    value_tier: str | None
    lifecycle_stage: str | None
    marketing_consent: bool


class Partner(BaseModel):
    """Columns of a business partner."""

    email: str
    phone: str | None
    partner_person_ids: list[Uuid]
    organization_ids: list[str]


class Candidate(BaseModel):
    """Columns of a candidate."""

    email: str
    phone: str | None
    top_skills: list[str]
    highest_degree: str | None
    certifications: list[str]
    location: str | None


class MessagingHandle(BaseModel):
    """Where a person chats."""

    platform: str
    handle: str


class PostalAddress(BaseModel):
    """Where mail arrives, and what it is for."""

    address_type: str
    address: Address


class Contact(BaseModel):
    """Columns of anybody who can be contacted."""

    emails: list[str]
    phones: list[str]
    messaging_apps: list[MessagingHandle]
    addresses: list[PostalAddress]
    preferred_channels: list[str]
    do_not_disturb: DoNotDisturb | None


class Views(PersonRow):
    """The component views that hold for a person; a view that does not hold is left out."""

    status: Status
    display_name: str | None
    employee: Employee = LEFT_OUT
    customer: Customer = LEFT_OUT
    partner: Partner = LEFT_OUT
    candidate: Candidate = LEFT_OUT
    contact: Contact


class Activity(PersonRow):
    """The activity clock of a person who is Draft, Active or Suspended."""

    model_config = ConfigDict(json_schema_extra={ASKED_FOR: "activity"})

    status: Literal["Draft", "Active", "Suspended"]
    last_activity_at: Instant
    reported: int = Field(ge=0, description="Days of the highest threshold that was reported since then; 0 for none.")


class Links(BaseModel):
    """Who is linked with something that another domain owns."""

    model_config = ConfigDict(json_schema_extra={ASKED_FOR: "links"})

    key: str
    kind: LinkKind
    foreign_id: str
    person_ids: list[Uuid]


class Milestones(BaseModel):
    """Onboarding runs, counted."""

    started: int
    completed: int
    failed: int


class Counts(BaseModel):
    """Counts of events, and by how much persons and components became more or fewer."""

    events_by_type: dict[str, int]
    status_delta: dict[str, int]
    components_delta: dict[str, int]
    onboarding: Milestones


class DayCounts(Row, Counts):
    """The counts of one UTC day in one partition."""

    day: Day
    late: dict[Uuid, int] = LEFT_OUT


ROWS: Final[Mapping[str, Any]] = {
    "network": Node,
    "search": SearchDocument,
    "skills": Skills,
    "statistics": DayCounts,
    "summary": Summary | Remainder,
    "timeline": TimelineEntry,
    "views": Views,
}
"""Table of a read model to the form of its rows."""
