"""What each query answers: the frame of a reply, and the data in it. The tests compare both with what workers answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, JsonValue

from domain.components.base import ComponentData
from domain.components.instance import Provenance
from domain.envelope import MAX_DEPTH
from domain.ids import Uuid
from domain.outcomes import Outcome
from domain.personal import Redacted
from domain.policies.document import Effect, PolicyDocument
from domain.policies.document import Status as RuleStatus
from domain.policies.rule_event_data import RecordedVerdict
from domain.relations import AssignedAgent, AssignedLocation, HeldEmployment, LinkedIdentity
from domain.sagas.event_data import Direction, FailureCause
from domain.sagas.state import SagaStatus
from domain.standing import Consent
from domain.status import Status
from domain.times import Day, Instant
from domain.values.attribute import Attribute
from domain.values.person_name import PersonName
from domain.values.person_title import PersonTitle
from ops.contracts.dead_letter_answers import (
    DeadLetterAct,
    DeadLetterCounts,
    DeadLetterDetail,
    EditedCopy,
    MessagePreview,
    OpenDeadLetter,
    RedriveResult,
    RowsPreview,
)
from ops.contracts.rows import (
    LEFT_OUT,
    Activity,
    Candidate,
    Contact,
    Counts,
    Customer,
    DayCounts,
    Edge,
    Employee,
    Links,
    Node,
    Partner,
    PersonRow,
    Position,
    RecommendedColumn,
    Remainder,
    SearchDocument,
    SkillColumn,
    Skills,
    Summary,
    SummaryColumns,
    TimelineEntry,
    Views,
)

T = TypeVar("T")


class Applied(Position):
    """How far a partition was applied. A position without a stream is one of PERSON_EVENTS."""

    stream: Literal["PERSON_SAGAS"] = LEFT_OUT


class Page(BaseModel):
    """Which part of a list an answer is; `next` is the cursor of the part behind it, if there is one."""

    limit: int
    next: str = LEFT_OUT


class Success(BaseModel, Generic[T]):
    """An answer, and how far each partition that gave a part of it was applied."""

    ok: Literal[True]
    data: T
    position: list[Applied]
    page: Page = LEFT_OUT
    redirected_from: Uuid | list[Uuid] = LEFT_OUT
    partial: Literal[True] = LEFT_OUT
    silent_partitions: list[int] = LEFT_OUT


class Items(BaseModel, Generic[T]):
    """One message of a streamed answer, numbered from 0. A message without bytes follows the last."""

    ok: Literal[True]
    items: list[T]
    n: int = Field(ge=0)


class Error(BaseModel):
    """Why there is no answer: a code for machines, a reason for people, facts that name fields and rules."""

    code: str
    reason: str
    facts: dict[str, JsonValue] = LEFT_OUT


class Failure(BaseModel):
    """A question without an answer."""

    ok: Literal[False]
    error: Error


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


class Change(BaseModel):
    """A message of a live subscription, numbered without gaps. `snapshot` and `upsert` carry the row of a person, `delete` says that it no longer
    matches, `caught_up` that the snapshot is complete, `lagged` that the reader was too slow; the last position is where to resume."""

    op: Literal["snapshot", "caught_up", "upsert", "delete", "lagged"]
    n: int = Field(ge=0)
    person_id: Uuid = LEFT_OUT
    sequence: int = LEFT_OUT
    row: Summary | Remainder | SearchDocument | Skills | Node | Views = LEFT_OUT
    position: Position | list[Position] = LEFT_OUT


class Hit(BaseModel):
    """A person that was found, and how well it matches."""

    person_id: Uuid
    display_name: str | None
    email: str = LEFT_OUT
    employer: str = LEFT_OUT
    role: str = LEFT_OUT
    score: float


class NamedPerson(BaseModel):
    """A person by id and name."""

    person_id: Uuid
    display_name: str | None
    status: Status


class Neighbour(NamedPerson):
    """A person in a network, and how many relationships away."""

    distance: int


class FoundEdge(Edge):
    """An edge of a network; it is active when its last interaction is within 180 days."""

    active: bool


class Influence(BaseModel):
    """How much an edge counts, at most 1."""

    owner: Uuid
    other: Uuid
    type: str
    value: float


class Community(BaseModel):
    """Persons that strong edges hold together."""

    members: list[Uuid]
    cohesion: float


class Metrics(BaseModel):
    """What a network says of a person and of the whole."""

    total: int
    by_type: dict[str, int]
    average_strength: float
    reach_within_2: int
    clustering: float
    degree_centrality: dict[Uuid, float]
    betweenness: dict[Uuid, float]
    influence: list[Influence]
    strongest: list[Edge]
    communities: list[Community]


class Network(BaseModel):
    """The persons around a person and the relationships among them."""

    nodes: list[Neighbour]
    edges: list[FoundEdge]
    metrics: Metrics = LEFT_OUT


class Path(BaseModel):
    """How two persons are connected, from one end to the other; empty when they are not."""

    path: list[NamedPerson]
    hops: int | None
    strength: float | None


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


class Subscription(BaseModel):
    """A live subscription: where its messages come, where it stands, and how long it lives without a renewal."""

    subscription_id: Uuid
    subject: str
    position: list[Position]
    lease_s: int


class Message(BaseModel):
    """A message of a conversation with all that followed from it."""

    id: Uuid
    kind: Literal["command", "event", "saga"]
    type: str
    causation: str
    depth: int = Field(ge=0, description=f"At most {MAX_DEPTH}, or the message is told as a fault.")
    time: Instant
    person_id: Uuid
    effects: list[Message]


class SagaFailure(BaseModel):
    """Why a step of a saga did not get on."""

    step: str
    cause: FailureCause
    code: str | None


class SagaRow(BaseModel):
    """Where a saga stands. One that is parked has failed and waits for an operator, an abandoned one does nothing any more."""

    saga_id: Uuid
    saga: str
    person_id: Uuid
    status: SagaStatus
    parked: bool
    abandoned: bool
    paused: bool
    step: str | None
    direction: Direction
    attempt: int
    round: int
    deadline: Instant | None
    started_at: Instant | None
    updated_at: Instant | None
    error: str | None
    failure: SagaFailure | None
    version: int


class SagaHistoryEntry(BaseModel):
    """A saga event, without its envelope. One that cannot be read has its place in the stream and says why."""

    sequence: int = LEFT_OUT
    event: str = LEFT_OUT
    at: Instant = LEFT_OUT
    actor: str = LEFT_OUT
    causation_id: Uuid = LEFT_OUT
    id: Uuid = LEFT_OUT
    data: dict[str, JsonValue] = LEFT_OUT
    unreadable: str = LEFT_OUT
    stream_sequence: int


class SagaDetail(SagaRow):
    """One saga: what it is about, what is done, what it waits for, and everything that happened to it."""

    business_key: str
    correlation_id: Uuid
    started_by: Uuid
    depth: int
    data: dict[str, JsonValue]
    steps: list[str]
    done: list[str]
    awaiting: list[str]
    to_undo: list[str]
    unreached: list[str]
    past_pivot: bool
    stream_sequence: int
    history: list[SagaHistoryEntry]
    history_left_out: int


class Decision(BaseModel):
    """What a policy has decided about one event."""

    event_id: Uuid
    verdict: RecordedVerdict
    at: Instant
    command_id: Uuid = LEFT_OUT
    fault: str = LEFT_OUT


class Rule(BaseModel):
    """One version of a policy, and what it has decided. `unusable` says why a version that should be asked cannot be."""

    policy_id: str
    version: int
    title: str
    status: RuleStatus
    effect: Effect
    trigger: str
    protected: bool
    unusable: str | None
    document: PolicyDocument
    counters: dict[str, int]
    decisions: list[Decision] = LEFT_OUT


class Fault(BaseModel):
    """What is wrong with a message of a conversation."""

    id: Uuid
    fault: Literal["missing_cause", "cycle", "too_deep"]


class Conversation(BaseModel):
    """All messages of one correlation, as trees of causes."""

    messages: list[Message]
    faults: list[Fault]


ANSWERS: Final[Mapping[str, Any]] = {
    "get_by_id": PersonView,
    "get_projection": list[
        Summary
        | Remainder
        | SearchDocument
        | Skills
        | Node
        | TimelineEntry
        | Views
        | ViewRow
        | DayCounts
        | Activity
        | Links
    ],
    "get_timeline": list[TimelineEntry],
    "get_skills": Skills,
    "get_view": list[ViewRow],
    "get_statistics": list[CountsOfDay] | Counts,
    "get_events": list[StoredEvent],
    "get_correlation": Conversation,
    "get_chain": Chain,
    "search": list[Hit],
    "get_network": Network,
    "find_path": Path,
    "find_by_skill": list[Holder],
    "recommend_skills": Recommendations,
    "get_outcome": Outcome,
    "subscribe": Subscription,
    "list_quarantine": list[ParkedPerson],
    "list_dead_letters": list[OpenDeadLetter],
    "count_dead_letters": DeadLetterCounts,
    "get_dead_letter": DeadLetterDetail,
    "edit_dead_letter": EditedCopy,
    "dry_run_dead_letter": RowsPreview | MessagePreview,
    "redrive_dead_letter": RedriveResult,
    "discard_dead_letter": RedriveResult,
    "list_dead_letter_acts": list[DeadLetterAct],
    "get_saga": SagaDetail,
    "list_sagas": list[SagaRow],
    "list_rules": list[Rule],
}
"""Endpoint to the form of its data. A list is streamed item by item."""

STREAMED: Final[Mapping[str, Any]] = {"get_correlation": Message | Fault}
"""Endpoint to the form of a streamed item, where its data is no list."""
