"""What a redrive of a parked person would do: today's agents fold the events that wait, on today's rows, and nothing is committed.

Guarantee: the agents are new ones that share only the tables with those of the lane; what they stage is compared and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.fold_persons import FoldPersons
from agents.project_network import ProjectNetwork
from agents.project_search import ProjectSearch
from agents.project_skills import ProjectSkills
from agents.project_statistics import ProjectStatistics
from agents.project_summary import ProjectSummary
from agents.project_timeline import ProjectTimeline
from agents.project_views import ProjectViews
from agents.quarantine import Quarantine, Redrive, begin, wards_of
from agents.reading import Arrival
from agents.redrive import claimed_version
from bridge.dead_letters import DeadLetters
from lanes.agent import Batch, LaneAgent
from lanes.table import TableView
from queries.dead_letters.differences import differences
from queries.endpoint import Read
from queries.frame import Query, QueryError
from queries.person_id import PersonId
from queries.tables_of_worker import WorkerTables
from tables.quarantine import Discarded, Parked, decode, key

PREVIEWED = 250
"""Events that are folded at most, as many as one cycle of a redrive takes."""
ROWS_TOLD = 100


class PreviewParked(Query):
    """What a redrive of a person for an agent would change, with an edited copy in the place of the first event if one is given."""

    agent: str
    person_id: PersonId
    stream_sequence: int | None = None
    instead: str | None = None
    with_data: bool = False


async def _preview(tables: WorkerTables, partition: int, query: PreviewParked) -> dict[str, Any]:
    parked = tables.quarantine.read(partition, query.agent, query.person_id).parked
    if parked is None or parked.first != (query.stream_sequence or parked.first):
        raise QueryError("not_found", "the person is not parked for this agent at this event", field="letter")
    arrivals = await _waiting(tables, query.person_id, parked)
    agents = _agents(tables)
    written = {table.name: table for agent in agents for table in agent.tables}
    views = {name: TableView(table, partition) for name, table in written.items()}
    quarantine = TableView(tables.quarantine.table, partition)
    batch = Batch(partition, [one.record for one in arrivals], {**views, tables.quarantine.table.name: quarantine})
    begin(batch, _redrive(query, parked, arrivals))
    for agent in agents:
        await agent.process(batch)
    for ward in wards_of(batch).values():
        ward.stage()
    failure = _failure(quarantine, query, batch)
    rows = [
        row
        for agent in agents
        for table in agent.tables
        for row in _changed(agent.name, views[table.name], with_data=query.with_data)
    ]
    return {
        "events": len(arrivals),
        "left_out": max(0, parked.events - len(arrivals)),
        "fails_at": None if failure is None else failure.first,
        "cause": None if failure is None else failure.cause,
        "reason": None if failure is None else failure.reason,
        "rows": rows[:ROWS_TOLD],
    }


async def _waiting(tables: WorkerTables, person_id: str, parked: Parked) -> list[Arrival]:
    found: list[Arrival] = []
    async for arrival in tables.log.arrivals(person_id, after=parked.first - 1):
        if arrival.stream_sequence > parked.last or len(found) == PREVIEWED:
            break
        found.append(arrival)
    return found


def _redrive(query: PreviewParked, parked: Parked, arrivals: Sequence[Arrival]) -> Redrive:
    discarding = None
    if query.instead is not None:
        discarding = Discarded(parked.first, claimed_version(arrivals[0]), "system:preview", 0, query.instead)
    sequences = [one.stream_sequence for one in arrivals]
    return Redrive(query.agent, query.person_id, parked.first, sequences, discarding=discarding)


def _agents(tables: WorkerTables) -> list[LaneAgent]:
    """The agents that park, made anew, in the order of their lane."""
    wards = Quarantine(tables.quarantine)
    limit = tables.max_row_bytes
    # It stores letters for records of nobody only, and these are all of one person.
    letters = DeadLetters(tables.log.connection, "person.dlq")
    return [
        FoldPersons(tables.persons, tables.log, letters, wards, max_state_bytes=limit),
        ProjectSummary(tables.summary, wards, max_row_bytes=limit),
        ProjectSearch(tables.search, wards, max_row_bytes=limit),
        ProjectSkills(tables.skills, wards, max_row_bytes=limit),
        ProjectNetwork(tables.network, wards, max_row_bytes=limit),
        ProjectViews(tables.views, wards, max_row_bytes=limit),
        ProjectTimeline(tables.timeline, tables.log, wards, max_row_bytes=limit),
        ProjectStatistics(tables.statistics, tables.log, wards),
    ]


def _failure(quarantine: TableView, query: PreviewParked, batch: Batch) -> Parked | None:
    """Where the person would be parked again for the agent, None if it would flow."""
    if not wards_of(batch)[query.agent].parks(query.person_id):
        return None
    staged = quarantine.staged.get(key(query.agent, query.person_id))
    return None if staged is None else decode(staged).parked


def _changed(agent: str, view: TableView, *, with_data: bool) -> list[dict[str, Any]]:
    found = []
    for row_key, after in view.staged.items():
        before = view.table.get(view.partition, row_key)
        if before == after or row_key.startswith(b"__"):
            continue
        found.append(
            {
                "agent": agent,
                "table": view.table.name,
                "key": row_key.decode(errors="replace"),
                "change": "added" if before is None else "removed" if after is None else "changed",
                "fields": differences(before, after, with_data=with_data),
            }
        )
    return found


PREVIEW = Read("dead_letter_preview", PreviewParked, _preview)
