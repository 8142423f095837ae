"""What any NATS client can do with the documented wire formats."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

if TYPE_CHECKING:
    from tests.outsider.conftest import Outsider


async def test_a_command_is_acknowledged_decided_and_readable_at_its_position(outsider: Outsider) -> None:
    command = outsider.command(
        "person.commands.create", {"name": {"given_names": ["Ada"], "family_names": ["Lovelace"]}, "source": "outsider"}
    )

    ack, outcome = await outsider.send("person.commands.create", json.dumps(command).encode())

    assert ack["stream"] == "PERSON_COMMANDS"
    assert ack["seq"] >= 1
    assert outcome["command_id"] == command["id"]
    assert outcome["status"] == "accepted"
    assert outcome["version"] == 1
    assert [event["type"] for event in outcome["events"]] == ["person.created"]
    answer = await outsider.ask(
        "get_by_id", {"person_id": outcome["person_id"], "min_position": outcome["position"], "timeout_ms": 5000}
    )
    assert answer["ok"]
    assert answer["data"]["summary"]["display_name"] == "Ada Lovelace"
    assert answer["position"][0]["stream_sequence"] >= outcome["position"]["stream_sequence"]


async def test_a_durable_pull_consumer_receives_the_cloud_events_in_order(outsider: Outsider) -> None:
    created = await outsider.create("Reader")
    person_id = created["person_id"]
    for verb in ("suspend", "reactivate", "suspend"):
        done = await outsider.run(
            outsider.command(f"person.commands.lifecycle.{verb}", {"reason": "a reason"}, person_id)
        )
        assert done["status"] == "accepted"

    subscription = await outsider.js.pull_subscribe(
        "person.events.>",
        durable="outsider-reader",
        stream="PERSON_EVENTS",
        config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.EXPLICIT, max_deliver=3),
    )
    mine: list[dict[str, Any]] = []
    while len(mine) < 4:
        for message in await subscription.fetch(100, timeout=5):
            # The stream is shared with tests that put unreadable events of other persons into it.
            if message.subject.split(".")[-1] == person_id:
                mine.append(json.loads(message.data))
            await message.ack()
    await outsider.js.delete_consumer("PERSON_EVENTS", "outsider-reader")

    assert {event["subject"] for event in mine} == {person_id}
    assert [event["sequence"] for event in mine] == [1, 2, 3, 4]
    assert [event["type"] for event in mine] == [
        "person.created",
        "person.suspended",
        "person.activated",
        "person.suspended",
    ]
    assert all(event["specversion"] == "1.0" and event["source"] == "/person" for event in mine)
    assert mine[0]["causationid"] == created["command_id"]


async def test_a_core_subscriber_sees_the_republished_event_under_its_short_subject(outsider: Outsider) -> None:
    seen: asyncio.Queue[Msg] = asyncio.Queue()

    async def keep(message: Msg) -> None:
        seen.put_nowait(message)

    await outsider.nc.subscribe("person.events.lifecycle.created", cb=keep)
    await outsider.nc.flush()
    outcome = await outsider.create("Republished")

    subjects = []
    while outcome["person_id"] not in subjects:
        message = await asyncio.wait_for(seen.get(), 60)
        subjects.append(json.loads(message.data)["subject"])


async def test_the_outcome_is_published_under_the_command_id_for_everybody(outsider: Outsider) -> None:
    command = outsider.command("person.commands.create", {"name": {"given_names": ["Eve"]}, "source": "outsider"})
    subscription = await outsider.nc.subscribe(f"person.outcomes.{command['id']}")
    await outsider.nc.flush()

    await outsider.run(command)

    published = json.loads((await subscription.next_msg(timeout=30)).data)
    assert published["command_id"] == command["id"]
    recorded = await outsider.ask("get_outcome", {"command_id": command["id"]})
    assert recorded["data"] == published


async def test_the_same_command_sent_twice_gives_one_event_and_equal_outcomes(outsider: Outsider) -> None:
    command = outsider.command("person.commands.create", {"name": {"given_names": ["Twice"]}, "source": "outsider"})

    first = await outsider.run(command)
    second = await outsider.run(command)

    assert first == second
    timeline = await outsider.ask(
        "get_timeline", {"person_id": first["person_id"], "min_position": first["position"], "timeout_ms": 5000}
    )
    assert len(timeline["data"]) == 1


async def test_the_query_services_can_be_discovered(outsider: Outsider) -> None:
    reply = await outsider.nc.request("$SRV.INFO.person-queries", b"", timeout=30)

    subjects = {endpoint["subject"] for endpoint in json.loads(reply.data)["endpoints"]}

    assert {"person.queries.get_by_id", "person.queries.get_projection", "person.queries.get_timeline"} <= subjects
