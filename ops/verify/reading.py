"""Reads a stream, or a part of it by a filter, in order and in whole deliveries up to a stream sequence.

Guarantee: every message under the filter up to `last` comes once and in order, or an error is raised; the stream is not changed."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from bridge.jetstream import OrderedPull, api
from config.streams import SECOND_NS

BATCH = 1000
SILENCE_S = 2.0
SILENCES = 15


class Stored(NamedTuple):
    """One message as the stream holds it."""

    stream_sequence: int
    subject: str
    data: bytes


async def count_messages(nc: Client, stream: str, filters: Sequence[str]) -> int:
    """How many messages there are under some filters together."""
    reader, made = await _reader(nc, stream, filters)
    await _remove(nc, stream, reader)
    return made


async def stored_messages(
    nc: Client, stream: str, filters: Sequence[str], *, last: int
) -> AsyncIterator[Sequence[Stored]]:
    """Messages under some filters with a stream sequence up to `last`, some at a time."""
    if last < 1:
        return
    reader, waiting = await _reader(nc, stream, filters)
    pull = OrderedPull(nc, stream, reader, batch=BATCH)
    try:
        await pull.start()
        async for some in _read(pull, stream, waiting, last):
            yield some
    finally:
        await pull.stop()
        await _remove(nc, stream, reader)


async def _reader(nc: Client, stream: str, filters: Sequence[str]) -> tuple[str, int]:
    """A consumer of its own, and how many messages wait for it."""
    reader = f"person_verify_{uuid.uuid4().hex}"
    config = {
        "name": reader,
        "deliver_policy": "all",
        "ack_policy": "all",
        "ack_wait": 3600 * SECOND_NS,
        "max_ack_pending": -1,
        **({"filter_subject": filters[0]} if len(filters) == 1 else {"filter_subjects": list(filters)}),
        "inactive_threshold": 60 * SECOND_NS,
        "mem_storage": True,
        "num_replicas": 1,
    }
    body = {"stream_name": stream, "config": config, "action": "create"}
    # The server wants a filter in the subject where there is one, and none where there are several.
    filtered = f".{filters[0]}" if len(filters) == 1 else ""
    made = await api(nc, f"CONSUMER.CREATE.{stream}.{reader}{filtered}", body)
    return reader, int(made["num_pending"])


async def _remove(nc: Client, stream: str, reader: str) -> None:
    # Without an answer it goes by itself once nobody reads it.
    with suppress(BridgeError, NatsError, TimeoutError):
        await api(nc, f"CONSUMER.DELETE.{stream}.{reader}")


async def _read(pull: OrderedPull, stream: str, waiting: int, last: int) -> AsyncIterator[Sequence[Stored]]:
    """What waited when the reader was made holds everything up to `last`."""
    seen = read = silences = 0
    while read < waiting and seen < last:
        # After a reset the messages since the last acknowledgement come again.
        found = [one for one in await pull.next(SILENCE_S) if one.stream_sequence > seen]
        silences = 0 if found else silences + 1
        if silences == SILENCES:
            raise BridgeError(f"stream {stream} gave {read} of {waiting} messages and then no more")
        if not found:
            continue
        wanted = [Stored(one.stream_sequence, one.subject, one.data) for one in found if one.stream_sequence <= last]
        if wanted:
            yield wanted
        seen, read = found[-1].stream_sequence, read + len(found)
        await pull.acknowledge(found[-1])
