"""What queries say of persons in quarantine: the list of them, and that a position they have passed is not applied to their rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from agents.fold_persons import FoldPersons
from agents.project_summary import ProjectSummary
from agents.project_timeline import ProjectTimeline
from domain.partitions import partition_of
from domain.times import format_instant
from queries.frame import Query, QueryError
from queries.person_id import PersonId
from queries.tables_of_worker import WorkerTables
from tables.quarantine import Parked

STATE = (FoldPersons.name,)
SUMMARY = (FoldPersons.name, ProjectSummary.name)
TIMELINE = (ProjectTimeline.name,)


class ListQuarantine(Query):
    """list_quarantine: who is parked for which agent."""

    agent: str | None = None
    person_id: PersonId | None = None
    cause: str | None = None
    limit: int = Field(100, ge=1, le=1000)


async def parked_persons(tables: WorkerTables, partition: int, query: ListQuarantine) -> Any:
    """Parked persons of this partition, at most `limit`."""
    found: list[dict[str, Any]] = []
    if query.person_id is not None and partition_of(query.person_id, tables.partitions) != partition:
        return found
    for agent, person_id, row in tables.quarantine.rows(partition, query.agent):
        if row.parked is None or (query.person_id or person_id) != person_id:
            continue
        if (query.cause or row.parked.cause) == row.parked.cause:
            found.append(described(agent, person_id, partition, row.parked))
        if len(found) == query.limit:
            break
    return found


def described(agent: str, person_id: str, partition: int, parked: Parked) -> dict[str, Any]:
    """A parked person as answers show it."""
    row = {"agent": agent, "person_id": person_id, "partition": partition, **parked._asdict()}
    del row["live_after"]
    row["since"] = format_instant(datetime.fromtimestamp(row.pop("since_ms") / 1000, UTC))
    return row


def require_applied(
    tables: WorkerTables, partition: int, query: Query, person_id: str, agents: tuple[str, ...]
) -> None:
    """Raise not_ready when the wanted position lies behind an event of the person that waits for one of the agents."""
    wanted = query.wanted(partition)
    if not wanted:
        return
    for agent in agents:
        parked = tables.quarantine.read(partition, agent, person_id).parked
        if parked is not None and parked.first <= wanted:
            position = {"partition": partition, "stream_sequence": parked.first - 1}
            raise QueryError("not_ready", f"the person is in quarantine for {agent}", position=position)
