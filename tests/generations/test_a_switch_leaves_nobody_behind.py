"""Who is parked in the generation that serves is in the way of a switch, and neighbours that came late are gone on with where they were."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from agents.generations import Generation, Held, Register
from bridge.ingress_route import consumers_of
from bridge.jetstream import api
from bridge.streams import ensure_consumer, ensure_stream
from config.settings import Settings
from config.topics import FOREIGN
from local.stack import Endpoints
from ops.client import CommandMessage, PersonClient
from ops.generations.backlog import Backlog, feeding
from ops.generations.errors import GenerationError
from ops.generations.naming import settings_of
from ops.generations.switching import _Switching

BY = "user:test"


def switching(nc: Client, first: Settings, *, leave_parked: bool = False) -> _Switching:
    one = Generation(
        name="", app_id=first.app_id, partitions=first.partitions, declared_at="2026-01-01", declared_by=BY
    )
    green = one.model_copy(update={"name": "green", "app_id": f"{first.app_id}-green", "partitions": 3})
    held = Held(Register(generations={"": one, "green": green}), 0)
    nobody: Any = None
    said: list[str] = []
    return _Switching(nc, first, Backlog(nc, nobody, nobody), held, "green", BY, 5, said.append, leave_parked)


async def test_somebody_who_is_really_parked_is_in_the_way_until_it_is_settled_or_left(
    client: PersonClient, servers: Endpoints
) -> None:
    first = Settings(nats_url=servers.nats_url, kafka_bootstrap=servers.kafka_bootstrap)
    name = {"given_names": ["Parked"]}
    created = await client.send(CommandMessage("person.commands.create", {"name": name, "source": "test"}))
    person_id = created["person_id"]
    poison = {"specversion": "1.0", "type": "person.teleported", "subject": person_id, "sequence": 2}
    reply = await client.nc.request(f"person.events.identity.updated.{person_id}", orjson.dumps(poison), timeout=5)
    sequence = orjson.loads(reply.data)["seq"]
    async with asyncio.timeout(20):
        while len((await client.query("list_dead_letters", {"person_id": person_id}))["data"]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    with pytest.raises(GenerationError, match=r"parked persons wait in generation first.*--leave-parked"):
        await switching(client.nc, first)._require_nobody_parked()
    await switching(client.nc, first, leave_parked=True)._require_nobody_parked()

    for agent in ("fold_persons", "project_timeline"):
        act = {"letter": f"{agent}/{person_id}/{sequence}", "by": BY, "why": "a test", "timeout_ms": 10_000}
        assert (await client.query("discard_dead_letter", act, timeout_ms=10_000))["data"]["done"]


async def test_a_neighbour_that_came_after_the_new_workers_is_gone_on_with_where_it_was(own_nats: str) -> None:
    nc = Client()
    await nc.connect(own_nats)
    first = Settings(nats_url=own_nats, app_id=f"t{uuid.uuid4().hex[:8]}")
    change = switching(nc, first)
    green = settings_of(first, change._held.register.generations["green"])
    stream = "IDENTITY_EVENTS"
    [old], [new] = (
        [one for one in feeding(settings, FOREIGN) if one.source.stream == stream] for settings in (first, green)
    )
    await ensure_stream(nc, {"name": stream, "subjects": ["identity.events.>"], "storage": "file"})
    [declared] = consumers_of(old, first.partitions)
    await ensure_consumer(nc, stream, declared)
    for number in range(3):
        await nc.jetstream().publish("identity.events.x", b"%d" % number)
    took = await nc.jetstream().pull_subscribe_bind(declared["durable_name"], stream=stream)
    for message in await took.fetch(2, timeout=5):
        await message.ack_sync()

    await change._hand_over()

    [name] = [one["durable_name"] for one in consumers_of(new, green.partitions)]
    info = await api(nc, f"CONSUMER.INFO.{stream}.{name}")
    assert (info["num_pending"], info["ack_floor"]["stream_seq"]) == (1, 2)
    await nc.close()
