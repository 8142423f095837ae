"""What queries on persons answer: a person and its sections, rows of views, stored events and their hash chain, and who was found."""

from __future__ import annotations

from pydantic import BaseModel, Field, JsonValue

from domain.components.base import ComponentData
from domain.components.instance import Provenance
from domain.ids import Uuid
from domain.personal import Redacted
from domain.relations import AssignedAgent, AssignedLocation, HeldEmployment, LinkedIdentity
from domain.standing import Consent
from domain.status import Status
from domain.times import Day, Instant
from domain.values.attribute import Attribute
from domain.values.person_name import PersonName
from domain.values.person_title import PersonTitle
from ops.contracts.rows import (
    LEFT_OUT,
    Candidate,
    Contact,
    Counts,
    Customer,
    Employee,
    Partner,
    PersonRow,
    RecommendedColumn,
    SkillColumn,
    SummaryColumns,
)


class HeldComponent(BaseModel):
    """A component as its person holds it."""

    component_id: Uuid
    component_type: str
    data: ComponentData
    is_primary: bool
    is_verified: bool
    tags: list[str]
    custom_fields: dict[str, JsonValue]
    created_at: Instant
    created_by: str
    updated_at: Instant
    updated_by: str
    provenance: Provenance = LEFT_OUT


class Identity(LinkedIdentity):
    """A linked identity."""

    identity_id: str


class Agent(AssignedAgent):
    """An agent that acts for the person."""

    agent_id: str


class Relations(BaseModel):
    """Links of the person to what other domains own."""

    identities: list[Identity]
    locations: list[AssignedLocation]
    employments: list[HeldEmployment]
    agents: list[Agent]


class RecordedConsent(Consent):
    """The last decision on a type of consent."""

    consent_type: str


class PersonView(BaseModel):
    """A person, in the sections that were asked for."""

    person_id: Uuid
    version: int = Field(ge=1)
    status: Status
    name: PersonName | Redacted | None
    birth_date: Day | Redacted | None
    date_of_death: Day | Redacted | None
    redirect_to: Uuid | None
    erased: bool
    summary: SummaryColumns = LEFT_OUT
    components: list[HeldComponent] = LEFT_OUT
    relations: Relations = LEFT_OUT
    titles: list[PersonTitle] = LEFT_OUT
    attributes: list[Attribute] = LEFT_OUT
    consents: list[RecordedConsent] = LEFT_OUT


class StoredEvent(BaseModel):
    """A stored event: what it means today, usually one event, and the text that was stored. One that cannot be read says why."""

    sequence: int
    stream_sequence: int
    events: list[dict[str, JsonValue]]
    unreadable: str | None
    stored: str


class EmployeeRow(PersonRow, Employee):
    """The row of an employee."""

    status: Status
    display_name: str | None


class CustomerRow(PersonRow, Customer):
    """The row of a customer."""

    status: Status
    display_name: str | None


class PartnerRow(PersonRow, Partner):
    """The row of a business partner."""

    status: Status
    display_name: str | None


class CandidateRow(PersonRow, Candidate):
    """The row of a candidate."""

    status: Status
    display_name: str | None


class ContactRow(PersonRow, Contact):
    """The row of anybody who can be contacted."""

    status: Status
    display_name: str | None


ViewRow = EmployeeRow | CustomerRow | PartnerRow | CandidateRow | ContactRow


class CountsOfDay(Counts):
    """The counts of one UTC day over all partitions."""

    day: Day


class ParkedPerson(BaseModel):
    """A person whose events wait for an agent."""

    agent: str
    person_id: Uuid
    partition: int
    first: int
    last: int
    events: int
    cause: str
    reason: str
    since: Instant
    attempts: int


class Hit(BaseModel):
    """A person that was found, and how well it matches."""

    person_id: Uuid
    display_name: str | None
    email: str = LEFT_OUT
    employer: str = LEFT_OUT
    role: str = LEFT_OUT
    score: float


class Holder(BaseModel):
    """A person with the asked skills that it holds."""

    person_id: Uuid
    display_name: str | None
    skills: list[SkillColumn]


class CoOccurring(BaseModel):
    """A skill that others hold together with those of the person."""

    name: str
    score: float


class Recommendations(BaseModel):
    """Skills that the last analysis recommends, and skills that go together with those of the person."""

    analyzed: list[RecommendedColumn]
    co_occurring: list[CoOccurring]


class Chain(BaseModel):
    """The hash chain over the stored events of a person; with `verify`, whether the stream still gives it, and else where it differs."""

    person_id: Uuid
    length: int = Field(ge=1)
    head: str = Field(pattern=r"^[0-9a-f]{64}$")
    intact: bool = LEFT_OUT
    first_bad_sequence: int = LEFT_OUT
