"""get_outcome: the recorded outcome of a command, wherever its person lives."""

from __future__ import annotations

from typing import Any

from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, Query, QueryError
from queries.person_id import PersonId
from queries.tables_of_worker import WorkerTables


class GetOutcome(Query):
    """get_outcome: the recorded outcome of a command."""

    command_id: PersonId


async def get_outcome(ask: Ask, query: GetOutcome) -> Answer:
    """The outcome. The id does not tell the partition, so that "not found" is only true when every one said so."""
    gathered = await ask.reachable(OUTCOME, query)
    for found in gathered.found:
        if found.data is not None:
            return Answer(found.data, [found.position])
    if gathered.silent:
        raise QueryError("unavailable", "not every partition could be asked", partitions=list(gathered.silent))
    raise QueryError("not_found", "no outcome under this command id", field="command_id")


async def _outcome(tables: WorkerTables, partition: int, query: GetOutcome) -> Any:
    return tables.outcomes.read(partition, query.command_id)


OUTCOME = Read("outcome", GetOutcome, _outcome)
ENDPOINT = Endpoint("get_outcome", GetOutcome, get_outcome, (OUTCOME,))
