"""Follows every message of a run to its cause, over all streams: causes exist, belong to the same correlation, and chains are short."""

from __future__ import annotations

from typing import NamedTuple

import orjson
from nats.aio.client import Client

from config.streams import COMMANDS, EVENTS, NEIGHBOURS, OUTBOUND, SAGAS, neighbour_stream
from tests.chaos.logs import StreamReader

STREAMS = (COMMANDS, EVENTS, SAGAS, OUTBOUND, *map(neighbour_stream, NEIGHBOURS))
MAX_DEPTH = 8


class Message(NamedTuple):
    """As much of an envelope as tells of causes."""

    type: str
    correlation_id: str
    cause_id: str
    depth: int


async def read_messages(nc: Client) -> dict[str, Message]:
    """Every message that the streams hold, by id."""
    found: dict[str, Message] = {}
    for stream in STREAMS:
        for stored in await StreamReader(stream).read(nc):
            body = orjson.loads(stored.data)
            own = body["id"]
            correlation, cause = body.get("correlationid", own), body.get("causationid", own)
            found[own] = Message(body["type"], correlation, cause, body.get("causationdepth", 0))
    return found


def faults_of(messages: dict[str, Message]) -> list[str]:
    """What is wrong with causes, one line each."""
    return [f"{one.type} {own}: {fault}" for own, one in messages.items() if (fault := _fault(own, one, messages))]


def _fault(own: str, one: Message, messages: dict[str, Message]) -> str | None:
    if one.depth > MAX_DEPTH:
        return f"has depth {one.depth}"
    if one.cause_id == own:
        return (
            None if one.correlation_id == own and one.depth == 0 else "is a root with a correlation or depth of others"
        )
    cause = messages.get(one.cause_id)
    if cause is None:
        return f"its cause {one.cause_id} is nowhere"
    if cause.correlation_id != one.correlation_id:
        return f"has another correlation than its cause, {cause.type}"
    return None
