"""Publishes to JetStream and waits until the message is stored; many may be on their way at once."""

from __future__ import annotations

import json
from collections.abc import Mapping

from nats.aio.client import Client

from bridge.batch import failure_of

CONTENT_TYPE = "application/cloudevents+json"
AT_ONCE = 256
"""Messages on their way together: so many are stored long before the first one has waited too long."""


async def publish(nc: Client, subject: str, data: bytes, headers: Mapping[str, str], *, timeout_s: float = 5.0) -> int:
    """Store one message, at the stream sequence that is returned; one whose `Nats-Msg-Id` is stored already counts as stored.

    Raises BridgeError when the stream refuses it, NatsError or TimeoutError when no stream answers: it may be stored then, and a repetition
    under the same id is harmless within the duplicate window of the stream.
    """
    reply = await nc.request(subject, data, headers=dict(headers), timeout=timeout_s)
    answer = json.loads(reply.data)
    if "error" in answer:
        raise failure_of(answer, "a message")
    return int(answer["seq"])


async def publish_event(nc: Client, subject: str, data: bytes, message_id: str) -> None:
    """Store one CloudEvent under an id; raises like `publish`."""
    await publish(nc, subject, data, {"Nats-Msg-Id": message_id, "Content-Type": CONTENT_TYPE})
