"""Reads many messages of a stream at full speed, from a time on, up to where the stream ends when the read begins.

Guarantee: every message under the filters that is there from begin to end of the read is given once, in the order of the stream; nothing of the
stream changes, and the consumer that it takes goes with the read."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
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
    nc: Client, stream: str, filters: Sequence[str] = (), *, since: datetime | None = None
) -> AsyncIterator[Sequence[Delivery]]:
    """The messages under any of the filters that were stored at `since` or later, all without it; none of a stream that does not exist.

    Raises BridgeError when the stream ends to answer, NatsError or TimeoutError when NATS does.
    """
    reader = f"person_scan_{uuid.uuid4().hex}"
    config: dict[str, Any] = {
        "name": reader,
        "deliver_policy": "all",
        "ack_policy": "all",
        "ack_wait": 3600 * _SECOND_NS,
        "max_ack_pending": -1,
        "inactive_threshold": 60 * _SECOND_NS,
        "mem_storage": True,
    }
    if since is not None:
        config |= {"deliver_policy": "by_start_time", "opt_start_time": since.astimezone(UTC).isoformat()}
    if filters:
        config["filter_subjects"] = list(filters)
    try:
        end = int((await api(nc, f"STREAM.INFO.{stream}"))["state"]["last_seq"])
        body = {"stream_name": stream, "config": config, "action": "create"}
        waiting = int((await api(nc, f"CONSUMER.CREATE.{stream}.{reader}", body))["num_pending"])
    except JetStreamError as error:
        if error.code == STREAM_NOT_FOUND:
            return
        raise
    pull = OrderedPull(nc, stream, reader, batch=AT_ONCE)
    await pull.start()
    try:
        async for found in _read(nc, stream, reader, pull, end, waiting):
            yield found
    finally:
        await pull.stop()
        # Without an answer it goes by itself once nobody reads it.
        with suppress(BridgeError, NatsError, TimeoutError):
            await api(nc, f"CONSUMER.DELETE.{stream}.{reader}")


async def _read(
    nc: Client, stream: str, reader: str, pull: OrderedPull, end: int, waiting: int
) -> AsyncIterator[Sequence[Delivery]]:
    last = read = silences = 0
    while read < waiting and last < end:
        # After a reset the messages since the last acknowledgement come again.
        found = [one for one in await pull.next(SILENCE_S) if last < one.stream_sequence <= end]
        if found:
            silences = 0
            last, read = found[-1].stream_sequence, read + len(found)
            yield found
            await pull.acknowledge(found[-1])
            continue
        silences += 1
        # Messages that were removed meanwhile do not come any more.
        if int((await api(nc, f"CONSUMER.INFO.{stream}.{reader}"))["num_pending"]) == 0 and silences > 1:
            return
        if silences == MAX_SILENCES:
            raise BridgeError(f"stream {stream} gave {read} of {waiting} messages and then no more")
