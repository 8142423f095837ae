"""Reads many messages of a stream at full speed, from a time on, up to where the stream ends when the read begins.

Guarantee: every message under the filters that is there from begin to end of the read is given once, in the order of the stream, or an error is
raised; nothing of the stream changes, and the consumer that it takes goes with the read."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from bridge.jetstream import STREAM_NOT_FOUND, Delivery, JetStreamError, OrderedPull, api

AT_ONCE = 1000
SILENCE_S = 1.0
MAX_SILENCES = 30
_SECOND_NS = 1_000_000_000


async def scan(
    nc: Client,
    stream: str,
    filters: Sequence[str] = (),
    *,
    since: datetime | None = None,
    after: int = 0,
    last: int | None = None,
) -> AsyncGenerator[Sequence[Delivery], None]:
    """The messages under any of the filters that were stored at `since` or later, all without it; none of a stream that does not exist.

    With `after`, only those with a higher stream sequence, and `since` does not count; with `last`, none with a higher one. Who may leave before the end closes it (`aclosing`). Raises BridgeError when the stream
    ends to answer, NatsError or TimeoutError when NATS does.
    """
    try:
        end = int((await api(nc, f"STREAM.INFO.{stream}"))["state"]["last_seq"])
        reader, waiting = await _reader(nc, stream, filters, since, after)
    except JetStreamError as error:
        if error.code == STREAM_NOT_FOUND:
            return
        raise
    pull = OrderedPull(nc, stream, reader, batch=AT_ONCE)
    try:
        await pull.start()
        async for found in _read(nc, stream, reader, pull, end if last is None else min(last, end), waiting):
            yield found
    finally:
        await pull.stop()
        await _remove(nc, stream, reader)


async def count_messages(nc: Client, stream: str, filters: Sequence[str] = ()) -> int:
    """How many messages a stream that exists holds under some filters together. Raises JetStreamError, NatsError or TimeoutError."""
    reader, waiting = await _reader(nc, stream, filters, None, 0)
    await _remove(nc, stream, reader)
    return waiting


async def _reader(
    nc: Client, stream: str, filters: Sequence[str], since: datetime | None, after: int
) -> tuple[str, int]:
    """A consumer of its own, and how many messages wait for it."""
    reader = f"person_scan_{uuid.uuid4().hex}"
    config: dict[str, Any] = {
        "name": reader,
        "deliver_policy": "all",
        "ack_policy": "all",
        "ack_wait": 3600 * _SECOND_NS,
        "max_ack_pending": -1,
        "inactive_threshold": 60 * _SECOND_NS,
        "mem_storage": True,
        "num_replicas": 1,
    }
    if after:
        config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": after + 1}
    elif since is not None:
        config |= {"deliver_policy": "by_start_time", "opt_start_time": since.astimezone(UTC).isoformat()}
    if filters:
        config["filter_subjects"] = list(filters)
    body = {"stream_name": stream, "config": config, "action": "create"}
    return reader, int((await api(nc, f"CONSUMER.CREATE.{stream}.{reader}", body))["num_pending"])


async def _remove(nc: Client, stream: str, reader: str) -> None:
    # Without an answer it goes by itself once nobody reads it.
    with suppress(BridgeError, NatsError, TimeoutError):
        await api(nc, f"CONSUMER.DELETE.{stream}.{reader}")


async def _read(
    nc: Client, stream: str, reader: str, pull: OrderedPull, end: int, waiting: int
) -> AsyncGenerator[Sequence[Delivery], None]:
    last = read = silences = 0
    while read < waiting and last < end:
        given = await pull.next(SILENCE_S)
        # After a reset the messages since the last acknowledgement come again.
        found = [one for one in given if one.stream_sequence > last]
        if wanted := [one for one in found if one.stream_sequence <= end]:
            yield wanted
        if given:
            # Also what came again: the server counts it as not taken.
            await pull.acknowledge(given[-1])
        if found:
            silences = 0
            last, read = found[-1].stream_sequence, read + len(found)
            continue
        silences += 1
        if silences > 1 and await _has_nothing_left(nc, stream, reader):
            return
        if silences == MAX_SILENCES:
            raise BridgeError(f"stream {stream} gave {read} of {waiting} messages and then no more")


async def _has_nothing_left(nc: Client, stream: str, reader: str) -> bool:
    """Whether what does not come was removed meanwhile: the server has delivered all that there is, and all of it was taken."""
    info = await api(nc, f"CONSUMER.INFO.{stream}.{reader}")
    return int(info["num_pending"]) == 0 and int(info["num_ack_pending"]) == 0
