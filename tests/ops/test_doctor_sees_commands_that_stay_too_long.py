"""`person doctor` says when processed commands, which hold personal data, stay longer than promised."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client

from config.settings import Settings
from local.stack import Endpoints
from ops.client import CommandMessage, PersonClient
from ops.doctor.finding import Finding
from ops.doctor.trimming import GO_WITHIN_S, trimming_finding
from ops.installation import routes_of


async def _trimming(nc: Client, servers: Endpoints, go_within_s: float = GO_WITHIN_S) -> Finding:
    settings = Settings(nats_url=servers.nats_url, kafka_bootstrap=servers.kafka_bootstrap)
    return await trimming_finding(nc, settings, routes_of(settings), go_within_s=go_within_s)


async def test_processed_commands_beyond_their_time_are_a_failed_check(
    client: PersonClient, nc: Client, servers: Endpoints
) -> None:
    name = {"name": {"given_names": ["Doctor"]}, "source": "tests"}
    await client.send(CommandMessage("person.commands.create", name))
    assert (await _trimming(nc, servers)).ok

    async with asyncio.timeout(20):
        # The offset of the command is committed a little after its outcome.
        while (found := await _trimming(nc, servers, -1.0)).ok:  # noqa: ASYNC110  # the servers send no event for it
            await asyncio.sleep(0.2)
    assert found.severity == "error"
    assert "older than 24 hours" in found.found
    assert "partition 0" in found.advice
