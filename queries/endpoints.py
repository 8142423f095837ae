"""The questions themselves: request model, partition and answer of each endpoint, over the tables of the owning worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from agents.fold_persons import FoldPersons
from agents.folding import folded
from agents.reading import marked
from domain.partitions import partition_of
from domain.person import Person
from domain.views.person_view import person_view
from queries.frame import Query, QueryError
from queries.person_id import PersonId
from queries.quarantine import STATE, SUMMARY, TIMELINE, ListQuarantine, list_quarantine, require_applied
from queries.tables_of_worker import WorkerTables
from tables.persons import PersonRow

Section = Literal["summary", "components", "relations", "titles", "attributes", "consents"]


class GetById(Query):
    """get_by_id: the person view, optionally as of a past event or time."""

    person_id: PersonId
    include: tuple[Section, ...] = ("summary", "components")
    as_of_sequence: int | None = Field(None, ge=1)
    as_of_time: AwareDatetime | None = None


class GetProjection(Query):
    """get_projection: rows of one read model by key."""

    projection: Literal["summary", "timeline"]
    key: PersonId | None = None
    keys: tuple[PersonId, ...] = Field((), max_length=100)

    @model_validator(mode="after")
    def _one_form(self) -> GetProjection:
        if (self.key is None) == (not self.keys):
            raise ValueError("give either key or keys")
        return self


class GetTimeline(Query):
    """get_timeline: the entries of one person."""

    person_id: PersonId
    from_: AwareDatetime | None = Field(None, alias="from")
    to: AwareDatetime | None = None
    types: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    order: Literal["asc", "desc"] = "desc"
    include_absorbed: bool = True


class GetOutcome(Query):
    """get_outcome: the recorded outcome of a command."""

    command_id: PersonId


async def get_by_id(tables: WorkerTables, partition: int, query: GetById) -> Any:
    """The person view of domain.md 17.2."""
    if query.as_of_sequence is not None or query.as_of_time is not None:
        person = await _replayed(tables, partition, query)
    else:
        require_applied(tables, partition, query, query.person_id, STATE)
        person = tables.persons.read(partition, query.person_id).person
    if not person.exists:
        raise QueryError("not_found", "no such person", field="person_id")
    if person.is_erased:
        raise QueryError("gone", "the person was erased", field="person_id")
    return person_view(person, query.include)


async def _replayed(tables: WorkerTables, partition: int, query: GetById) -> Person:
    row = PersonRow(Person.new(query.person_id), 0)
    discarded = tables.quarantine.read(partition, FoldPersons.name, query.person_id).discarded
    async for arrival in tables.log.arrivals(query.person_id):
        [one] = marked([arrival], discarded)
        if one.discarded is None:
            event = one.read()
            if query.as_of_sequence is not None and event.sequence > query.as_of_sequence:
                break
            if query.as_of_time is not None and event.time > query.as_of_time:
                break
        row = folded(row, one)
    return row.person


async def get_projection(tables: WorkerTables, partition: int, query: GetProjection) -> Any:
    """Rows of the asked keys that lie in this partition; a key without a row is left out."""
    rows: list[Any] = []
    for key in (query.key,) if query.key is not None else query.keys:
        if partition_of(key, tables.partitions) != partition:
            continue
        require_applied(tables, partition, query, key, SUMMARY if query.projection == "summary" else TIMELINE)
        if query.projection == "summary":
            row = tables.summary.read(partition, key)
            if row is not None:
                rows.append(row)
        else:
            rows.extend(tables.timeline.read(partition, key))
    if query.key is not None and not rows:
        raise QueryError("not_found", "no row under this key", field="key")
    return rows


async def get_timeline(tables: WorkerTables, partition: int, query: GetTimeline) -> Any:
    """Timeline entries in the asked order."""
    require_applied(tables, partition, query, query.person_id, TIMELINE)
    entries = tables.timeline.read(partition, query.person_id)
    if not entries:
        raise QueryError("not_found", "no such person", field="person_id")
    kept = [
        entry
        for entry in entries
        if (query.from_ is None or datetime.fromisoformat(entry["at"]) >= query.from_)
        and (query.to is None or datetime.fromisoformat(entry["at"]) <= query.to)
        and (not query.types or entry["type"] in query.types)
        and (not query.categories or entry["category"] in query.categories)
    ]
    return kept if query.order == "asc" else kept[::-1]


async def get_outcome(tables: WorkerTables, partition: int, query: GetOutcome) -> Any:
    """The outcome, if the command was decided in this partition."""
    outcome = tables.outcomes.read(partition, query.command_id)
    if outcome is None:
        raise QueryError("not_found", "no outcome under this command id", field="command_id")
    return outcome


@dataclass(frozen=True)
class Endpoint:
    """One question: its request, the partitions that hold the answer, how it is answered there and how answers are joined."""

    name: str
    request: type[Query]
    partitions: Callable[[Any, int], Sequence[int]]
    answer: Callable[[WorkerTables, int, Any], Awaitable[Any]]
    streams: bool = False
    """Answers with `stream: true` in messages of a bounded number of items."""
    any_partition: bool = False
    """The first partition that knows the answer gives it; otherwise lists of all partitions are joined."""


def _of_person(query: GetById | GetTimeline, partitions: int) -> Sequence[int]:
    return (partition_of(query.person_id, partitions),)


def _of_keys(query: GetProjection, partitions: int) -> Sequence[int]:
    keys = (query.key,) if query.key is not None else query.keys
    return sorted({partition_of(key, partitions) for key in keys})


def _everywhere(_query: GetOutcome | ListQuarantine, partitions: int) -> Sequence[int]:
    return range(partitions)


ENDPOINTS: dict[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("get_by_id", GetById, _of_person, get_by_id),
        Endpoint("get_projection", GetProjection, _of_keys, get_projection),
        Endpoint("get_timeline", GetTimeline, _of_person, get_timeline, streams=True),
        Endpoint("get_outcome", GetOutcome, _everywhere, get_outcome, any_partition=True),
        Endpoint("list_quarantine", ListQuarantine, _everywhere, list_quarantine),
    )
}
