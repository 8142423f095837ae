"""What each query answers, by its name. The tests compare it with what workers answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from domain.ids import Uuid
from domain.outcomes import Outcome
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
from ops.contracts.network_answers import Network, Path
from ops.contracts.person_answers import (
    Chain,
    CountsOfDay,
    Hit,
    Holder,
    ParkedPerson,
    PersonView,
    Recommendations,
    StoredEvent,
    ViewRow,
)
from ops.contracts.process_answers import Conversation, Fault, Message, Rule, SagaDetail, SagaRow
from ops.contracts.rows import (
    LEFT_OUT,
    Activity,
    Counts,
    DayCounts,
    Links,
    Node,
    Position,
    Remainder,
    SearchDocument,
    Skills,
    Summary,
    TimelineEntry,
    Views,
)


class Change(BaseModel):
    """A message of a live subscription, numbered without gaps. `snapshot` and `upsert` carry the row of a person, `delete` says that it no longer
    matches, `caught_up` that the snapshot is complete, `lagged` that the reader was too slow; the last position is where to resume."""

    op: Literal["snapshot", "caught_up", "upsert", "delete", "lagged"]
    n: int = Field(ge=0)
    person_id: Uuid = LEFT_OUT
    sequence: int = LEFT_OUT
    row: Summary | Remainder | SearchDocument | Skills | Node | Views = LEFT_OUT
    position: Position | list[Position] = LEFT_OUT


class Subscription(BaseModel):
    """A live subscription: where its messages come, where it stands, and how long it lives without a renewal."""

    subscription_id: Uuid
    subject: str
    position: list[Position]
    lease_s: int


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
