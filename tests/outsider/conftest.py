"""An outsider: plain nats-py and the wire formats of the domain's documentation, none of this application's code."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg


class Outsider:
    """Sends commands and asks queries the way any NATS client can."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc
        self.js = nc.jetstream()

    def command(self, kind: str, data: dict[str, Any], subject: str | None = None) -> dict[str, Any]:
        command_id = str(uuid.uuid4())
        body: dict[str, Any] = {
            "specversion": "1.0",
            "id": command_id,
            "type": kind,
            "dataversion": 1,
            "source": "/clients/outsider",
            "datacontenttype": "application/json",
            "correlationid": command_id,
            "causationid": command_id,
            "causationdepth": 0,
            "actor": "user:outsider",
            "data": data,
        }
        if subject is not None:
            body["subject"] = subject
        return body

    async def send(self, subject: str, payload: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """The stream's acknowledgement and the outcome."""
        inbox = self.nc.new_inbox()
        outcomes: asyncio.Queue[Msg] = asyncio.Queue()

        async def keep(message: Msg) -> None:
            outcomes.put_nowait(message)

        subscription = await self.nc.subscribe(inbox, cb=keep)
        try:
            ack = await self.nc.request(subject, payload, headers={"Person-Reply-To": inbox}, timeout=30)
            outcome = await asyncio.wait_for(outcomes.get(), 60)
        finally:
            await subscription.unsubscribe()
        return json.loads(ack.data), json.loads(outcome.data)

    async def run(self, command: dict[str, Any]) -> dict[str, Any]:
        _, outcome = await self.send(command["type"], json.dumps(command).encode())
        return outcome

    async def create(self, family_name: str = "Outsider") -> dict[str, Any]:
        data = {"name": {"given_names": ["Olive"], "family_names": [family_name]}, "source": "outsider"}
        return await self.run(self.command("person.commands.create", data))

    async def ask(self, endpoint: str, request: dict[str, Any]) -> dict[str, Any]:
        reply = await self.nc.request(f"person.queries.{endpoint}", json.dumps(request).encode(), timeout=12)
        answer: dict[str, Any] = json.loads(reply.data)
        return answer


@pytest.fixture
async def outsider(team: object, servers: Any) -> AsyncIterator[Outsider]:
    connection = await nats.connect(servers.nats_url)
    yield Outsider(connection)
    await connection.close()
