"""get_by_id: the view of a person now, after a past event, at a past time, or with what is valid on a day."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from agents.fold_persons import FoldPersons
from agents.folding import folded
from agents.reading import Arrival, marked
from domain.events import Event
from domain.person import Person
from domain.undecodable import Undecodable
from domain.views.person_view import person_view
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, QueryError
from queries.quarantine import STATE, require_applied
from queries.redirects import OfPerson, follow, moved, present, shown
from queries.tables_of_worker import WorkerTables
from tables.persons import PersonRow

Section = Literal["summary", "components", "relations", "titles", "attributes", "consents"]


class GetById(OfPerson):
    """get_by_id: the person view, optionally as of a past event or time, or with what is valid on a day."""

    include: tuple[Section, ...] = ("summary", "components")
    as_of_sequence: int | None = Field(None, ge=1)
    as_of_time: AwareDatetime | None = None
    valid_on: date | None = None

    @model_validator(mode="after")
    def _one_time(self) -> GetById:
        if sum(given is not None for given in (self.as_of_sequence, self.as_of_time, self.valid_on)) > 1:
            raise ValueError("give at most one of as_of_sequence, as_of_time and valid_on")
        return self

    @property
    def of_the_past(self) -> bool:
        """Whether the person is asked for as it was."""
        return self.as_of_sequence is not None or self.as_of_time is not None


async def get_by_id(ask: Ask, query: GetById) -> Answer:
    """The person, in the sections that were asked for."""
    found = await follow(ask, PERSON, query)
    return Answer(found.data, found.positions, redirected_from=found.redirected_from)


async def _person(tables: WorkerTables, partition: int, query: GetById) -> Any:
    if query.of_the_past:
        # What an erased person was is nobody's to see, whatever the stream still holds.
        present(tables, partition, query.person_id)
        return person_view(shown(await _replayed(tables, partition, query)), query.include)
    require_applied(tables, partition, query, query.person_id, STATE)
    person = present(tables, partition, query.person_id)
    return moved(person) or person_view(person, query.include, query.valid_on)


async def _replayed(tables: WorkerTables, partition: int, query: GetById) -> Person:
    row = PersonRow.new(query.person_id)
    discarded = tables.quarantine.read(partition, FoldPersons.name, query.person_id).discarded
    async for arrival in tables.log.arrivals(query.person_id):
        [one] = marked([arrival], discarded)
        if one.discarded is None:
            event = _readable(one)
            if query.as_of_sequence is not None and event.sequence > query.as_of_sequence:
                break
            if query.as_of_time is not None and event.time > query.as_of_time:
                break
        row = folded(row, one)
        if query.as_of_sequence is not None and row.person.version >= query.as_of_sequence:
            # What lies behind does not matter, not even whether it can be read.
            break
    return row.person


def _readable(arrival: Arrival) -> Event:
    try:
        return arrival.read()
    except Undecodable as error:
        raise QueryError("not_ready", f"an event of the person cannot be read: {error}") from None


PERSON = Read("person", GetById, _person)
ENDPOINT = Endpoint("get_by_id", GetById, get_by_id, (PERSON,))
