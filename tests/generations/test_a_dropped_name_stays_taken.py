"""A generation is dropped when nobody works for it, and what is left of it in folders can never come back under its name."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaConsumer
from nats.aio.client import Client

from agents.generations import read_register
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config import streams, topics
from config.settings import Settings
from local.stack import Endpoints
from ops.generations.declaring import declare
from ops.generations.dropping import drop
from ops.generations.errors import GenerationError
from ops.generations.naming import settings_of

BY = "user:test"


async def test_a_generation_with_silent_workers_is_kept_and_a_dropped_name_is_refused(
    nc: Client, servers: Endpoints
) -> None:
    [positions] = [one for one in streams.streams(8, 1) if one["name"] == streams.POSITIONS]
    await ensure_stream(nc, positions)
    installation = f"t{uuid.uuid4().hex[:10]}"
    name = f"g{uuid.uuid4().hex[:10]}"
    first = Settings(nats_url=servers.nats_url, kafka_bootstrap=servers.kafka_bootstrap, app_id=installation)
    held = await declare(nc, first, name, 1, by=BY)
    own = settings_of(first, held.register.generations[name])
    await ensure_topics(own.kafka, topics.declared_by(own))
    member = AIOKafkaConsumer(
        topics.own_topics(name).events, bootstrap_servers=servers.kafka_bootstrap, group_id=own.app_id
    )
    await member.start()
    try:
        async with asyncio.timeout(20):
            while not member.assignment():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        with pytest.raises(GenerationError, match="has 1 members"):
            await drop(nc, first, name)
        assert name in (await read_register(nc, installation)).register.generations
    finally:
        await member.stop()

    gone = await drop(nc, first, name)

    assert gone["topics"] == len(topics.declared_by(own))
    register = (await read_register(nc, installation)).register
    assert (set(register.generations), set(register.dropped)) == ({""}, {name})
    with pytest.raises(GenerationError, match="choose another name"):
        await declare(nc, first, name, 1, by=BY)
    # Cut off behind the register, it is repeated.
    assert (await drop(nc, first, name))["topics"] == 0
