"""When a sweep is due is known to the server alone, whichever worker starts first or last."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from agents.inactivity_schedule import due_subject, keep_schedule, set_subject, sweep_now
from bridge import read
from bridge.errors import BridgeError
from bridge.streams import ensure_stream
from config import streams


async def test_the_server_keeps_one_schedule_for_each_partition(own_nats: str) -> None:
    nc = Client()
    await nc.connect(own_nats)
    for declared in streams.streams(2, 1):
        await ensure_stream(nc, declared)
    await keep_schedule(nc, "0 0 3 * * *", 2)
    first = [await read.last_message(nc, streams.TIMERS, set_subject(partition)) for partition in range(2)]
    await keep_schedule(nc, "0 0 3 * * *", 2)
    assert [await read.last_message(nc, streams.TIMERS, set_subject(partition)) for partition in range(2)] == first

    await keep_schedule(nc, "@every 1s", 1)
    async with asyncio.timeout(60):
        while await read.last_message(nc, streams.TIMERS, due_subject(0)) is None:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.05)
    with pytest.raises(BridgeError, match="PERSON_INACTIVITY_SWEEP='now and then' is no schedule"):
        await keep_schedule(nc, "now and then", 1)
    await keep_schedule(nc, "", 2)
    assert [await read.last_message(nc, streams.TIMERS, set_subject(partition)) for partition in range(2)] == [
        None,
        None,
    ]
    await sweep_now(nc, 2)
    assert await read.last_message(nc, streams.TIMERS, due_subject(1)) is not None
    await nc.close()
