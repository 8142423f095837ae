"""`person doctor` says when processed commands, which hold personal data, stay longer than promised."""

from __future__ import annotations

import asyncio

import pytest

from config.settings import Settings
from local.stack import Endpoints
from ops import doctor
from ops.client import CommandMessage, PersonClient
from ops.doctor import Finding


async def _trimming(servers: Endpoints) -> Finding:
    settings = Settings(nats_url=servers.nats_url, kafka_bootstrap=servers.kafka_bootstrap)
    return next(finding for finding in await doctor.examine(settings) if finding.check == "trimming")


async def test_processed_commands_beyond_their_time_are_a_failed_check(
    client: PersonClient, servers: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"name": {"given_names": ["Doctor"]}, "source": "tests"}
    await client.send(CommandMessage("person.commands.create", name))
    assert (await _trimming(servers)).ok

    monkeypatch.setattr(doctor, "COMMANDS_GO_WITHIN_S", -1.0)

    async with asyncio.timeout(20):
        # The offset of the command is committed a little after its outcome.
        while (found := await _trimming(servers)).ok:  # noqa: ASYNC110  # the servers send no event for it
            await asyncio.sleep(0.2)
    assert "older than 24 hours" in found.found
    assert "partition 0" in found.advice
