"""get_correlation: all messages of one correlation, of whichever persons, as trees of causes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any

from domain.events import Event
from domain.views.conversation import Message, conversation
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, Query, QueryError
from queries.person_id import PersonId
from queries.tables_of_worker import WorkerTables

MAX_EVENTS = 10_000
"""Events of one correlation that one partition tells."""
COMMAND = "command"
"""The type of a command that is known by what it caused: its own message is removed once it is processed."""


class GetCorrelation(Query):
    """get_correlation: the messages of a correlation."""

    correlation_id: PersonId


async def get_correlation(ask: Ask, query: GetCorrelation) -> Answer:
    """The trees, and what is wrong with them: a missing cause, a cycle, a depth above 8."""
    gathered = await ask.reachable(MESSAGES, query)
    found = {message[0]: Message(*message) for one in gathered.found for message in one.data}
    if not found:
        if gathered.silent:
            raise QueryError("unavailable", "not every partition could be asked", partitions=list(gathered.silent))
        raise QueryError("not_found", "no message of this correlation", field="correlation_id")
    positions = [one.position for one in gathered.found]
    return Answer(conversation(found.values()), positions, silent=gathered.silent)


async def correlation_rows(ask: Ask, query: GetCorrelation) -> AsyncIterator[Any]:
    """The trees one by one, then the faults."""
    told = (await get_correlation(ask, query)).data
    for row in (*told["messages"], *told["faults"]):
        yield row


async def _messages(tables: WorkerTables, partition: int, query: GetCorrelation) -> Any:
    # All places first: nothing of the table is held open while the stream is read, for the partition may be on its way.
    places = list(islice(tables.timeline.correlated(partition, query.correlation_id), MAX_EVENTS + 1))
    if len(places) > MAX_EVENTS:
        raise QueryError("overloaded", f"the correlation has more than {MAX_EVENTS} events")
    found: dict[str, Message] = {}
    for stream_sequence in places:
        arrival = await tables.log.at(stream_sequence)
        if arrival is not None and arrival.event is not None:
            found |= {message.id: message for message in _told_by(arrival.event)}
    return [list(message) for message in found.values()]


def _told_by(event: Event) -> Iterable[Message]:
    """The events of a stored one, and the command that caused them: a root names the correlation, of others the cause is not known."""
    time = event.time.isoformat().replace("+00:00", "Z")
    command = event.causationid
    cause = command if command == event.correlationid else ""
    yield Message(command, "command", COMMAND, cause, event.causationdepth, time, event.person_id)
    for one in event.parts:
        yield Message(one.id, "event", one.type, command, event.causationdepth, time, event.person_id)


MESSAGES = Read("messages_of_correlation", GetCorrelation, _messages)
ENDPOINT = Endpoint("get_correlation", GetCorrelation, get_correlation, (MESSAGES,), correlation_rows)
