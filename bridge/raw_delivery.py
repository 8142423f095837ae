"""Hands the messages of a subscription over as the bytes that came, without the objects, queue and task that nats-py spends on each.

The inner part of nats-py that is replaced for such subscriptions is pinned by a test on its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.subscription import Subscription

Sink = Callable[[bytes, bytes, bytes, bytes | None], None]
"""Takes subject, reply, body and header block of a message; it must not raise."""

_SINKS = "_person_raw_sinks"


async def subscribe_raw(nc: Client, subject: str, sink: Sink) -> Subscription:
    """Subscribe; every message goes to `sink` at once, in the order in which it came. Unsubscribing ends it."""
    sinks = _sinks(nc)
    subscription = await nc.subscribe(subject, cb=_never)
    # Nothing was read from the connection since: that takes another turn of the loop, and the server has not seen the subscription.
    sinks[subscription._id] = sink
    return subscription


def forget_raw(nc: Client, subscription: Subscription) -> None:
    """Drop the sink of a subscription that has ended."""
    _sinks(nc).pop(subscription._id, None)


def parse_headers(block: bytes | None) -> dict[str, str]:
    """The headers of a block; of repeated ones the last. Bytes that are no UTF-8 survive as surrogates.

    An inline status of the server is given as `Status` and `Description`.
    """
    if not block:
        return {}
    first, _, rest = block.partition(b"\r\n")
    found: dict[str, str] = {}
    status = first[8:].strip()
    if status:
        code, _, description = status.decode("utf-8", "replace").partition(" ")
        found = {"Status": code, "Description": description.strip()}
    for line in rest.decode("utf-8", "surrogateescape").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip()] = value.strip(" \t")
    return found


def _sinks(nc: Client) -> dict[int, Sink]:
    sinks: dict[int, Sink] | None = getattr(nc, _SINKS, None)
    if sinks is None:
        sinks = {}
        setattr(nc, _SINKS, sinks)
        nc._process_msg = _processing(nc._process_msg, sinks, nc.stats)  # type: ignore[method-assign]
    return sinks


def _processing(original: Any, sinks: dict[int, Sink], stats: dict[str, int]) -> Any:
    async def process(sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        sink = sinks.get(sid)
        if sink is None:
            await original(sid, subject, reply, data, headers)
            return
        stats["in_msgs"] += 1
        stats["in_bytes"] += len(data)
        sink(subject, reply, data, headers)

    return process


async def _never(_message: Any) -> None:
    """nats-py wants a callback; the sink takes every message before it."""
