"""A durable pull consumer read without pauses: one request is always open, and every message is handed over when it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

_BATCH = 200
_EXPIRES_S = 5.0


async def pull(nc: Client, stream: str, consumer: str, take: Callable[[Msg], None]) -> None:
    """Hand every message of a consumer to `take` until cancelled; what is lost on the way comes again when its acknowledgement is overdue."""
    ended = asyncio.Event()

    async def arrived(message: Msg) -> None:
        if message.reply.startswith("$JS.ACK."):
            take(message)
            left[0] -= 1
        else:
            left[0] = 0
        if left[0] <= 0:
            ended.set()

    left = [0]
    inbox = nc.new_inbox()
    subscription = await nc.subscribe(inbox, cb=arrived)
    request = json.dumps({"batch": _BATCH, "expires": int(_EXPIRES_S * 1e9)}).encode()
    try:
        while True:
            ended.clear()
            left[0] = _BATCH
            with suppress(NatsError):
                # A connection that is down mends itself; the next request then goes through.
                await nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", request, reply=inbox)
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _EXPIRES_S + 1)
    finally:
        with suppress(NatsError):
            await subscription.unsubscribe()
