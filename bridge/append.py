"""The conditional append: the events of several entities, each entity checked against the sequence its decision was based on. Many go
in one atomic JetStream batch, few that have one event each go one by one.

Guarantee: an entity's messages are stored completely or not at all, in order, and only if nothing was appended for that entity
since; the reply comes after the server has fsynced. Protocol: NATS ADR-50 (atomic batch publishing), ADR-8 subject checks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client

from bridge.batch import Outgoing, error_code, failure_of, writer_of
from bridge.errors import AppendRefusedError

IN_PROCESS = 10158
"""A cluster has a message of this id and knows not yet whether a majority stores it; the next answer tells."""

_IN_PROCESS_PAUSE_S = 0.05

MAX_BATCH = 900
"""Messages per atomic batch; the server's limit is 1000."""

FEW_ENTITIES = 12
"""So many entities of one message each are cheaper appended one by one: the server syncs a batch several times (docs/explanation/performance.md)."""

DUPLICATE = 10201


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One message to append; `message_id` de-duplicates a resend."""

    subject: str
    data: bytes
    message_id: str


@dataclass(frozen=True, slots=True)
class EntityAppend:
    """All messages of one entity. `filter_subject` covers the entity, `expected` is the stream sequence of its last message, 0 for none."""

    filter_subject: str
    expected: int
    messages: Sequence[EventMessage]


async def append(nc: Client, entities: Sequence[EntityAppend], *, timeout_s: float = 5.0) -> list[int]:
    """Append all entities in one atomic batch; returns the stream sequence of each entity's last message.

    Raises AppendRefusedError when an expectation was wrong or an id was seen before: nothing is stored then, and somebody knew more.
    Raises BridgeError when the server could not store the batch, and NatsError or TimeoutError when the answer is unknown: the batch
    may be stored, so the caller must reread.
    """
    total = sum(len(entity.messages) for entity in entities)
    if total > MAX_BATCH:
        raise ValueError(f"{total} messages exceed the {MAX_BATCH} of one atomic batch")
    answer = await _stored(lambda: _publish(nc, entities, timeout_s), "a batch", timeout_s)
    last = int(answer["seq"])
    sequences = []
    position = last - total
    for entity in entities:
        position += len(entity.messages)
        sequences.append(position)
    return sequences


async def _publish(nc: Client, entities: Sequence[EntityAppend], timeout_s: float) -> dict[str, Any]:
    """Send one batch; the answer is that to its last message, or to its first when that was refused."""
    messages = []
    for entity in entities:
        expectation = (
            f"Nats-Expected-Last-Subject-Sequence: {entity.expected}\r\n"
            f"Nats-Expected-Last-Subject-Sequence-Subject: {entity.filter_subject}\r\n"
        )
        for message in entity.messages:
            headers = (
                f"{expectation}Nats-Msg-Id: {message.message_id}\r\nContent-Type: application/cloudevents+json\r\n"
            )
            messages.append(Outgoing(message.subject.encode(), headers.encode(), message.data))
            expectation = ""
    writer = writer_of(nc)
    return await writer.answer(await writer.send(messages), timeout_s=timeout_s)


async def append_each(
    nc: Client, entities: Sequence[EntityAppend], *, timeout_s: float = 5.0
) -> list[int | AppendRefusedError]:
    """Append entities, each completely or not at all, in the way that costs least; a refused batch is repeated entity by entity.

    The result holds per entity its last stream sequence or the refusal that concerns it alone. Raises what `append` raises when the fate
    of one is unknown; others may be stored then.
    """
    if len(entities) <= FEW_ENTITIES and all(len(entity.messages) == 1 for entity in entities):
        appended = await asyncio.gather(
            *(_append_alone(nc, entity, timeout_s) for entity in entities), return_exceptions=True
        )
        return [_known(result) for result in appended]
    results: list[int | AppendRefusedError] = []
    for chunk in _chunks(entities):
        try:
            results.extend(await append(nc, chunk, timeout_s=timeout_s))
        except AppendRefusedError as refused:
            if len(chunk) == 1:
                results.append(refused)
                continue
            for entity in chunk:
                results.extend(await append_each(nc, [entity], timeout_s=timeout_s))
    return results


def _known(result: int | BaseException) -> int | AppendRefusedError:
    if isinstance(result, BaseException) and not isinstance(result, AppendRefusedError):
        raise result
    return result


async def _append_alone(nc: Client, entity: EntityAppend, timeout_s: float) -> int:
    """Append an entity of one message, which needs no batch to be whole."""
    [message] = entity.messages
    headers = {
        "Nats-Expected-Last-Subject-Sequence": str(entity.expected),
        "Nats-Expected-Last-Subject-Sequence-Subject": entity.filter_subject,
        "Nats-Msg-Id": message.message_id,
        "Content-Type": "application/cloudevents+json",
    }

    async def publish() -> dict[str, Any]:
        reply = await nc.request(message.subject, message.data, headers=headers, timeout=timeout_s)
        answered: dict[str, Any] = json.loads(reply.data)
        return answered

    answer = await _stored(publish, "an event", timeout_s)
    if answer.get("duplicate"):
        # A stream of several replicas looks at the id first: somebody has stored this event before.
        raise AppendRefusedError(DUPLICATE, "the message id is stored already")
    return int(answer["seq"])


async def _stored(publish: Callable[[], Awaitable[dict[str, Any]]], what: str, timeout_s: float) -> dict[str, Any]:
    """The server's answer once it has stored; published again for as long as a cluster does not know yet whether it has."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while "error" in (answer := await publish()):
        if error_code(answer) != IN_PROCESS or loop.time() > deadline:
            raise failure_of(answer, what)
        await asyncio.sleep(_IN_PROCESS_PAUSE_S)
    return answer


def _chunks(entities: Sequence[EntityAppend]) -> list[list[EntityAppend]]:
    chunks: list[list[EntityAppend]] = []
    size = MAX_BATCH + 1
    for entity in entities:
        if size + len(entity.messages) > MAX_BATCH:
            chunks.append([])
            size = 0
        chunks[-1].append(entity)
        size += len(entity.messages)
    return chunks
