"""Reads the selected events from JetStream, in order and without a hole.

Guarantee: bounded by where the stream ended when the replay began. The consumer is the reader's own and goes with it; the stream and its
other readers are not touched, and nothing is published but requests to JetStream."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.errors import BridgeError
from bridge.jetstream import Delivery, OrderedPull, api
from config.streams import EVENTS, SECOND_NS
from ops.replay.selection import Selection, nanoseconds

BATCH = 1000
WAIT_S = 1.0
SILENCES = 30


async def end_of_stream(nc: Client) -> int:
    """The stream sequence of the newest event."""
    return int((await api(nc, f"STREAM.INFO.{EVENTS}"))["state"]["last_seq"])


async def waiting(nc: Client, selection: Selection, *, after: int = 0) -> int:
    """About how many events a replay has to look at: those under the filters behind a stream sequence."""
    name, pending = await _reader(nc, selection, after)
    await _remove(nc, name)
    return pending


async def selected(nc: Client, selection: Selection, *, after: int, last: int) -> AsyncGenerator[list[Delivery], None]:
    """The selected events behind `after` and up to `last`, some at a time. Raises BridgeError when JetStream is silent."""
    name, pending = await _reader(nc, selection, after)
    pull = OrderedPull(nc, EVENTS, name, batch=BATCH)
    try:
        if pending:
            await pull.start()
        silences = 0
        while pending > 0:
            found = await pull.next(WAIT_S)
            silences = 0 if found else silences + 1
            if silences > SILENCES:
                raise BridgeError(f"stream {EVENTS} says nothing more, {pending} events before its end")
            pending -= len(found)
            if found:
                await pull.acknowledge(found[-1])
            ending = next((at for at, one in enumerate(found) if _ends(selection, one, last)), None)
            some = [one for one in found[:ending] if selection.has_begun(one)]
            if some:
                yield some
            if ending is not None:
                return
    finally:
        await pull.stop()
        await _remove(nc, name)


def _ends(selection: Selection, delivery: Delivery, last: int) -> bool:
    return delivery.stream_sequence > last or selection.is_over(delivery)


async def _reader(nc: Client, selection: Selection, after: int) -> tuple[str, int]:
    name = f"person_replay_{uuid.uuid4().hex}"
    first = max(selection.first_sequence, after + 1)
    config: dict[str, Any] = {
        "name": name,
        "ack_policy": "all",
        "ack_wait": 3600 * SECOND_NS,
        "max_ack_pending": -1,
        "inactive_threshold": 60 * SECOND_NS,
        "mem_storage": True,
        "num_replicas": 1,
        "filter_subjects": selection.filters,
    }
    if selection.since is not None and after == 0 and selection.first_sequence == 1:
        moment = nanoseconds(selection.since)
        config |= {"deliver_policy": "by_start_time", "opt_start_time": _rfc3339(moment)}
    else:
        config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": first}
    made = await api(
        nc, f"CONSUMER.CREATE.{EVENTS}.{name}", {"stream_name": EVENTS, "config": config, "action": "create"}
    )
    return name, int(made["num_pending"])


async def _remove(nc: Client, name: str) -> None:
    # Without an answer it goes by itself once nobody reads it.
    with suppress(BridgeError, NatsError, TimeoutError):
        await api(nc, f"CONSUMER.DELETE.{EVENTS}.{name}")


def _rfc3339(nanoseconds_: int) -> str:
    seconds, rest = divmod(nanoseconds_, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
