"""get_saga: one saga with everything that happened to it, read from JetStream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import model_validator

from agents.saga_reading import SagaArrival
from domain.views.saga import history_entry, saga_detail
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, Query, QueryError
from queries.indexed import processes_of
from queries.person_id import PersonId
from queries.processes import Processes
from queries.saga_rows import SagaName
from queries.tables_of_worker import WorkerTables

MAX_HISTORY = 1000
"""Events that are told, the last ones of a longer history."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class GetSaga(Query):
    """get_saga: one saga by its id, or the newest one of a name and a person."""

    saga_id: PersonId | None = None
    saga: SagaName | None = None
    person_id: PersonId | None = None

    @model_validator(mode="after")
    def _one_way_to_name_it(self) -> GetSaga:
        if (self.saga_id is None) == (self.saga is None and self.person_id is None):
            raise ValueError("give either saga_id, or saga and person_id")
        if self.saga_id is None and (self.saga is None or self.person_id is None):
            raise ValueError("saga and person_id belong together")
        return self


async def get_saga(ask: Ask, query: GetSaga) -> Answer:
    """The saga. Its id does not tell the partition, so that "not found" is only true when every one said so."""
    partitions = None if query.person_id is None else (ask.partition_of(query.person_id),)
    gathered = await ask.reachable(SAGA, query, partitions)
    for found in gathered.found:
        if found.data is not None:
            return Answer(found.data, [found.position])
    if gathered.silent:
        raise QueryError("unavailable", "not every partition could be asked", partitions=list(gathered.silent))
    field = "saga_id" if query.saga_id is not None else "person_id"
    raise QueryError("not_found", "no such saga", field=field)


async def _saga(tables: WorkerTables, partition: int, query: GetSaga) -> Any:
    processes = processes_of(tables)
    saga_id = query.saga_id or _newest(processes, partition, query)
    row = None if saga_id is None else processes.sagas.read(partition, saga_id)
    if row is None:
        return None
    history = [_entry(one) async for one in processes.history.arrivals(row.saga.saga_id)]
    return {
        **saga_detail(row.saga),
        "stream_sequence": row.stream_sequence,
        "history": history[-MAX_HISTORY:],
        "history_left_out": max(0, len(history) - MAX_HISTORY),
    }


def _newest(processes: Processes, partition: int, query: GetSaga) -> str | None:
    assert query.person_id is not None
    rows = (processes.sagas.read(partition, one) for one in processes.sagas.of_person(partition, query.person_id))
    found = [row.saga for row in rows if row is not None and row.saga.saga == query.saga]
    return max(found, key=lambda saga: (saga.started_at or _LONG_AGO, saga.saga_id)).saga_id if found else None


def _entry(arrival: SagaArrival) -> dict[str, Any]:
    """What the stream holds; bytes that nobody can read stand where they were stored."""
    if arrival.event is not None:
        return {**history_entry(arrival.event), "stream_sequence": arrival.stream_sequence}
    return {"stream_sequence": arrival.stream_sequence, "unreadable": str(arrival.error)}


SAGA = Read("saga", GetSaga, _saga, of_sagas=True)
ENDPOINT = Endpoint("get_saga", GetSaga, get_saga, (SAGA,))
