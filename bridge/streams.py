"""Creates the declared streams and consumers, or checks those that exist and names every difference.

Guarantee: an existing stream is never changed silently; a difference is one error that lists setting, found and declared value. A
question that a cluster leaves without an answer is asked again, which is harmless."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from nats.aio.client import Client

from bridge.errors import StreamMismatchError
from bridge.jetstream import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, JetStreamError, api

StreamConfig = Mapping[str, Any]

PATIENCE_S = 20.0
"""How long an answer is waited for: longer than a cluster takes to elect a leader."""
_ANSWER_S = 2.0
_CLUSTER_UNAVAILABLE = frozenset({10008, 10009})


async def ensure_stream(nc: Client, declared: StreamConfig) -> None:
    """Create the stream, or raise StreamMismatchError when one of that name differs from the declaration.

    Raises TimeoutError when no answer came for 20 s.
    """
    await _until_answered(lambda: _ensure_stream(nc, declared))


async def ensure_consumer(nc: Client, stream: str, declared: Mapping[str, Any]) -> None:
    """Create a durable consumer unless it exists; raise StreamMismatchError when its filter or ack policy differs.

    Raises TimeoutError when no answer came for 20 s.
    """
    await _until_answered(lambda: _ensure_consumer(nc, stream, declared))


async def _until_answered(ensure: Callable[[], Awaitable[None]]) -> None:
    """A cluster gives no answer while it elects, nor, now and then, to the second of two that create the same at once."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while True:
        try:
            return await ensure()
        except TimeoutError:
            if loop.time() > deadline:
                raise
        except JetStreamError as error:
            if error.code not in _CLUSTER_UNAVAILABLE or loop.time() > deadline:
                raise
            await asyncio.sleep(0.2)


async def _ensure_stream(nc: Client, declared: StreamConfig) -> None:
    name = declared["name"]
    try:
        found = (await api(nc, f"STREAM.INFO.{name}", timeout_s=_ANSWER_S))["config"]
    except JetStreamError as error:
        if error.code != STREAM_NOT_FOUND:
            raise
        try:
            await api(nc, f"STREAM.CREATE.{name}", dict(declared), timeout_s=_ANSWER_S)
        except JetStreamError as refused:
            if refused.code in _CLUSTER_UNAVAILABLE:
                raise
            raise StreamMismatchError(f"stream {name} could not be created: {refused.description}") from refused
        return
    wrong = list(differences(declared, found))
    if wrong:
        raise StreamMismatchError(
            f"stream {name} exists with another configuration: {'; '.join(wrong)}. "
            f"Change the stream or the declaration in config/streams.py so that both agree."
        )


async def _ensure_consumer(nc: Client, stream: str, declared: Mapping[str, Any]) -> None:
    name = declared["durable_name"]
    try:
        found = (await api(nc, f"CONSUMER.INFO.{stream}.{name}", timeout_s=_ANSWER_S))["config"]
    except JetStreamError as error:
        if error.code != CONSUMER_NOT_FOUND:
            raise
        body = {"stream_name": stream, "config": dict(declared), "action": ""}
        await api(nc, f"CONSUMER.CREATE.{stream}.{name}", body, timeout_s=_ANSWER_S)
        return
    wrong = list(differences(declared, found))
    if wrong:
        raise StreamMismatchError(
            f"consumer {name} of {stream} exists with another configuration: {'; '.join(wrong)}. Delete it or change the declaration."
        )


def differences(declared: Mapping[str, Any], found: Mapping[str, Any], path: str = "") -> Iterable[str]:
    """Declared settings that the server holds otherwise; settings that are not declared are left to the operator."""
    for key, wanted in declared.items():
        has = found.get(key)
        if isinstance(wanted, Mapping) and isinstance(has, Mapping):
            yield from differences(wanted, has, f"{path}{key}.")
        elif has != wanted and not (not has and not wanted):
            yield f"{path}{key} is {has!r}, declared {wanted!r}"
