"""Sends what makes every part of the product tell something: persons, sagas, questions, refusals, and one event that nobody can read."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from contextlib import suppress

from ops.client import CommandMessage, PersonClient, QueryFailed

EVERY_S = 0.1
AT_ONCE = 500
"""Commands that wait for their outcome together."""
NAME = {"given_names": ["Loaded"], "family_names": ["Person"]}
SKILL = {"component_type": "Skill", "data": {"name": "Rust", "category": "Programming", "proficiency": "Expert"}}


async def populate(nats_url: str, persons: int) -> None:
    """Create so many persons as fast as they are decided."""
    async with PersonClient(nats_url) as client:
        waiting: set[asyncio.Task[str]] = set()
        for _ in range(persons):
            if len(waiting) >= AT_ONCE:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    one.result()
            waiting.add(asyncio.create_task(_created(client)))
        await asyncio.gather(*waiting)


async def load(nats_url: str, seconds: float) -> str:
    """Send for a while; returns the id of a person that was parked on purpose."""
    until = time.monotonic() + seconds
    async with PersonClient(nats_url) as client:
        parked = await _created(client)
        await _append_unknown_event(client, parked)
        # Names nobody, so it is passed over and becomes a dead letter.
        await client.nc.request("person.commands.create", b"{}", timeout=30)
        number = 0
        while time.monotonic() < until:
            number += 1
            await _one_round(client, number)
            await asyncio.sleep(EVERY_S)
    return parked


async def _one_round(client: PersonClient, number: int) -> None:
    person_id = await _created(client)
    await client.send(CommandMessage("person.commands.component.add", SKILL, person_id))
    # Refused: it is there already.
    await client.send(CommandMessage("person.commands.lifecycle.reactivate", {"reason": "again"}, person_id))
    await client.query("get_by_id", {"person_id": person_id})
    if number % 5 == 0:
        await client.query("search", {"text": "loaded"})
        with suppress(QueryFailed):
            # Nobody has this id.
            await client.query("get_by_id", {"person_id": str(uuid.uuid4())})
    if number % 10 == 0:
        sync = {
            "saga": "cross_domain_sync",
            "key": f"k-{number}",
            "data": {"identity": {"identity_id": f"i-{number}", "identity_type": "passport"}},
        }
        await client.send(CommandMessage("person.commands.saga.start", sync, person_id))


async def _created(client: PersonClient) -> str:
    outcome = await client.send(CommandMessage("person.commands.create", {"name": NAME, "source": "load"}))
    return str(outcome["person_id"])


async def _append_unknown_event(client: PersonClient, person_id: str) -> None:
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "type": "person.teleported",
        "subject": person_id,
        "sequence": 2,
    }
    await client.nc.request(f"person.events.identity.updated.{person_id}", json.dumps(event).encode(), timeout=30)
