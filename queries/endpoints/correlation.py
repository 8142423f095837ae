"""get_correlation: all messages of one correlation, of whichever persons and sagas, as trees of causes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from domain.envelope import actor_kind
from domain.events import Event
from domain.ids import NS, derive
from domain.sagas.saga_events import SagaEvent
from domain.times import format_instant
from domain.views.conversation import Message, conversation
from queries.endpoint import Ask, Endpoint, Read
from queries.frame import Answer, Query, QueryError
from queries.index.sagas import OF_CORRELATION
from queries.indexed import ask_saga_index
from queries.person_id import PersonId
from queries.saga_conversation import saga_messages
from queries.tables_of_worker import WorkerTables

MAX_EVENTS = 10_000
"""Events of one correlation that one partition tells."""
MAX_SAGAS = 200
"""Sagas of one correlation that one partition tells."""
COMMAND: Final = "command"
"""The type of a command that is known by what it caused: its own message is removed once it is processed."""
POLICY: Final = "policy:"


class GetCorrelation(Query):
    """get_correlation: the messages of a correlation."""

    correlation_id: PersonId


async def get_correlation(ask: Ask, query: GetCorrelation) -> Answer:
    """The trees, and what is wrong with them: a missing cause, a cycle, a depth above 8."""
    gathered = await ask.reachable(MESSAGES, query)
    told = [Message(*message) for one in gathered.found for message in one.data["messages"]]
    if not told:
        if gathered.silent:
            raise QueryError("unavailable", "not every partition could be asked", partitions=list(gathered.silent))
        raise QueryError("not_found", "no message of this correlation", field="correlation_id")
    # What a message says of itself counts more than what it is known by.
    found = {message.id: message for message in sorted(told, key=lambda one: one.type != COMMAND)}
    policies = {command: name for one in gathered.found for command, name in one.data["policies"].items()}
    found |= {message.id: message for message in _sent_by_policies(found, policies)}
    positions = [one.position for one in gathered.found]
    return Answer(conversation(found.values()), positions, silent=gathered.silent)


async def correlation_rows(ask: Ask, query: GetCorrelation) -> AsyncIterator[Any]:
    """The trees one by one, then the faults."""
    told = (await get_correlation(ask, query)).data
    for row in (*told["messages"], *told["faults"]):
        yield row


def _sent_by_policies(found: Mapping[str, Message], policies: Mapping[str, str]) -> Iterator[Message]:
    """Commands of policies with their causes: the id of such a command is made of the policy and the event that it answers."""
    for name in set(policies.values()):
        namespace = derive(NS, POLICY + name)
        causes = {derive(namespace, one.id): one.id for one in found.values() if one.kind == "event"}
        for command_id, policy in policies.items():
            if policy == name and command_id in found and command_id in causes:
                yield found[command_id]._replace(causation=causes[command_id])


async def _messages(tables: WorkerTables, partition: int, query: GetCorrelation) -> Any:
    # All places first: nothing of the table is held open while the stream is read, for the partition may be on its way.
    places = list(islice(tables.timeline.correlated(partition, query.correlation_id), MAX_EVENTS + 1))
    if len(places) > MAX_EVENTS:
        raise QueryError("overloaded", f"the correlation has more than {MAX_EVENTS} events")
    messages: list[Message] = []
    policies: dict[str, str] = {}
    persons: set[str] = set()
    for stream_sequence in places:
        arrival = await tables.log.at(stream_sequence)
        if arrival is not None and arrival.event is not None:
            messages += _told_by(arrival.event)
            policies |= _policy_of(arrival.event)
            persons.add(arrival.event.person_id)
    for saga_id in await _sagas(tables, partition, query.correlation_id, persons):
        told, history = await _told_by_saga(tables, partition, saga_id, query.correlation_id)
        messages += told
        for event in history:
            policies |= _policy_of(event)
    return {"messages": [list(message) for message in messages], "policies": policies}


def _told_by(event: Event) -> Iterable[Message]:
    """The events of a stored one, and the command that caused them."""
    yield _command_of(event)
    for one in event.parts:
        at = format_instant(event.time)
        yield Message(one.id, "event", one.type, event.causationid, event.causationdepth, at, event.person_id)


def _command_of(event: Event | SagaEvent) -> Message:
    """The cause of an event, as far as the event knows it: a root names the correlation, of others the cause is not known."""
    command = event.causationid
    cause = command if command == event.correlationid else ""
    at = format_instant(event.time)
    return Message(command, "command", COMMAND, cause, event.causationdepth, at, event.person_id)


def _policy_of(event: Event | SagaEvent) -> dict[str, str]:
    """The policy that sent the cause of an event, if one did."""
    return {event.causationid: event.actor.removeprefix(POLICY)} if actor_kind(event.actor) == "policy" else {}


async def _sagas(tables: WorkerTables, partition: int, correlation_id: str, persons: Iterable[str]) -> list[str]:
    """Ids of the sagas that may have messages of the correlation: those that it started, and those of its persons."""
    if tables.processes is None:
        return []
    asked = {"correlation": correlation_id, "limit": MAX_SAGAS}
    found = dict.fromkeys(await ask_saga_index(tables, partition, OF_CORRELATION, asked))
    for person_id in sorted(persons):
        found |= dict.fromkeys(tables.processes.sagas.of_person(partition, person_id))
    return list(islice(found, MAX_SAGAS))


async def _told_by_saga(
    tables: WorkerTables, partition: int, saga_id: str, correlation_id: str
) -> tuple[list[Message], list[SagaEvent]]:
    assert tables.processes is not None
    row = tables.processes.sagas.read(partition, saga_id)
    if row is None:
        return [], []
    arrivals = [one async for one in tables.processes.history.arrivals(saga_id)]
    history = [one.event for one in arrivals if one.event is not None]
    own = [event for event in history if event.correlationid == correlation_id]
    messages = [*saga_messages(row.saga, history, correlation_id)]
    # What caused the first of them may have left no other trace; an event of the person says more of itself than this.
    known = {message.id for message in messages}
    return [*messages, *(_command_of(event) for event in own if event.causationid not in known)], own


MESSAGES = Read("messages_of_correlation", GetCorrelation, _messages)
ENDPOINT = Endpoint("get_correlation", GetCorrelation, get_correlation, (MESSAGES,), correlation_rows)
