"""get_chain: the hash chain over the stored events of a person, as it was folded and, on request, as JetStream gives it now."""

from __future__ import annotations

from typing import Any

from agents.fold_persons import FoldPersons
from agents.project_timeline import ProjectTimeline
from agents.reading import Arrival
from domain.views.chain import Chain
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, QueryError
from queries.quarantine import require_applied
from queries.redirects import OfPerson
from queries.tables_of_worker import WorkerTables
from tables.persons import PersonRow
from tables.timeline import digest_of


class GetChain(OfPerson):
    """get_chain: length and head of the chain; with `verify` the stored events are read and compared."""

    verify: bool = False


async def get_chain(ask: Ask, query: GetChain) -> Answer:
    """The chain of the person itself, also of a merged or erased one: it holds no personal data, and its log is its own."""
    found = await ask.one(CHAIN, ask.partition_of(query.person_id), query)
    return Answer(found.data, [found.position])


async def _chain(tables: WorkerTables, partition: int, query: GetChain) -> Any:
    require_applied(tables, partition, query, query.person_id, (FoldPersons.name,))
    row = tables.persons.read(partition, query.person_id)
    if not row.stream_sequence:
        raise QueryError("not_found", "no such person", field="person_id")
    kept = {"person_id": query.person_id, "length": row.chain.length, "head": row.chain.head.hex()}
    return kept | await _verified(tables, partition, row) if query.verify else kept


async def _verified(tables: WorkerTables, partition: int, row: PersonRow) -> dict[str, Any]:
    """Whether the stream gives the same chain, and if not, the first sequence whose event is not the one that was folded.

    The head alone tells that something has changed, the digests of the events tell where.
    """
    person_id = row.person.person_id
    chain = Chain.of(person_id)
    first_bad: int | None = None
    sequence = 0
    async for arrival in tables.log.arrivals(person_id):
        if arrival.stream_sequence > row.stream_sequence:
            break
        chain = chain.link(arrival.record.value)
        claimed = sequence + 1 if arrival.event is None else arrival.event.sequence
        if first_bad is None and not _is_as_folded(tables, partition, row, arrival, sequence):
            first_bad = sequence + 1
        sequence = max(sequence, claimed)
    if chain == row.chain:
        return {"intact": True}
    if first_bad is None and sequence < row.person.version:
        first_bad = sequence + 1
    return {"intact": False} | ({} if first_bad is None else {"first_bad_sequence": first_bad})


def _is_as_folded(tables: WorkerTables, partition: int, row: PersonRow, arrival: Arrival, before: int) -> bool:
    person_id = row.person.person_id
    for agent in (FoldPersons.name, ProjectTimeline.name):
        discarded = tables.quarantine.read(partition, agent, person_id).discarded
        if any(one.stream_sequence == arrival.stream_sequence for one in discarded):
            return True
    event = arrival.event
    if event is None or event.sequence != before + 1 or event.person_id != person_id:
        return False
    kept = tables.timeline.digest(partition, event.correlationid, arrival.stream_sequence)
    return kept == digest_of(arrival.record.value)


CHAIN = Read("chain", GetChain, _chain)
ENDPOINT = Endpoint("get_chain", GetChain, get_chain, (CHAIN,))
