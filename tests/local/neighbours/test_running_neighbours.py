"""The process of the neighbours on a real server: every command is answered once in the order of its person, also after a kill."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from local.errors import StackError
from local.neighbours.process import Neighbours
from local.neighbours.streams import DOMAINS, OUTBOX, stream_of
from tests.local.neighbours.conftest import ADA, CARLA, envelope

CONFIG = """
seed = 1
[default]
delay_ms = 2
[identity.link_person]
duplicate = 1.0
[location]
silence = 1.0
[organization.start_employment]
lose = 1.0
"""


@pytest.fixture
async def js(own_nats: str) -> AsyncIterator[JetStreamContext]:
    nc = Client()
    await nc.connect(own_nats)
    yield nc.jetstream()
    await nc.close()


async def test_commands_are_answered_in_order_and_only_once_also_after_a_kill(
    js: JetStreamContext, own_nats: str, tmp_path: Path
) -> None:
    config = tmp_path / "neighbours.toml"
    config.write_text(CONFIG)
    neighbours = Neighbours(own_nats, log=tmp_path / "neighbours.log", config=config)
    neighbours.start()
    try:
        await js.add_stream(StreamConfig(name=OUTBOX, subjects=[f"{domain}.commands.>" for domain in DOMAINS]))
        await js.publish("identity.commands.link_person", b"no command")
        await _ask(js, 1, "identity.link_person", identity_id="i-1")
        await _ask(js, 2, "identity.unlink_person", identity_id="i-1")
        await _ask(js, 3, "location.request_assignment")
        await _ask(js, 4, "organization.start_employment", organization_id="o-1", role="Engineer")
        await _ask(js, 5, "agent.release_person", cause="Archived")
        assert await _said(js, "identity", 4) == ["linked", "linked", "unlinked", "undone"]
        assert await _said(js, "agent", 1) == ["person_released"]
        neighbours.process.kill()
        await js.publish("identity.events.linked.x", b'{"type": "identity.linked", "data": {"of": "somebody else"}}')
        await _ask(js, 4, "organization.start_employment", organization_id="o-1", role="Engineer")
        await _ask(js, 1, "identity.link_person", identity_id="i-1")
        await _ask(js, 6, "identity.link_person", person_id=CARLA, identity_id="i-2")
        neighbours.start()
        # What it knew before the kill it knows again: the undone command is not done a second time.
        assert sorted((await _said(js, "identity", 9))[5:]) == ["linked", "linked", "rejected", "rejected"]
        # The first delivery to each process was lost, so one more is answered.
        await _ask(js, 4, "organization.start_employment", organization_id="o-1", role="Engineer")
        assert await _said(js, "organization", 1) == ["person_joined"]
        assert (await js.stream_info(stream_of("location"))).state.messages == 0
    finally:
        neighbours.stop()
    assert neighbours.process.returncode == 0
    log = neighbours.process.log.read_text()
    assert "organization: answer 1, lose 1" in log
    assert ADA not in log


def test_a_wrong_configuration_ends_with_one_line(tmp_path: Path) -> None:
    config = tmp_path / "neighbours.toml"
    config.write_text("[identity]\nrefuse = 3\n")
    with pytest.raises(StackError, match=r"identity\.refuse: Input should be less than or equal to 1"):
        Neighbours("nats://127.0.0.1:1", log=tmp_path / "log", config=config).start()


async def _ask(js: JetStreamContext, number: int, verb: str, **data: Any) -> None:
    await js.publish(*envelope(number, verb, **data))


async def _said(js: JetStreamContext, domain: str, count: int) -> list[str]:
    """Types of all events of a neighbour, once there are `count`."""
    stream = stream_of(domain)
    async with asyncio.timeout(60):
        # The server tells of no counts; it has to be asked.
        while (await js.stream_info(stream)).state.messages < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    bodies = [json.loads((await js.get_msg(stream, seq)).data or b"") for seq in range(1, count + 1)]
    return [body["type"].partition(".")[2] for body in bodies]
