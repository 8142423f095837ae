"""Two workers share the partitions; each answers for all persons, from the owner's tables."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from nats.aio.client import Client

from domain.partitions import partition_of
from ops.client import CommandMessage, PersonClient, QueryFailed
from ops.workers import Worker

PARTITIONS = 8


async def create(client: PersonClient, given: str = "Query") -> dict[str, Any]:
    outcome = await client.send(
        CommandMessage("person.commands.create", {"name": {"given_names": [given]}, "source": "test"})
    )
    assert outcome["status"] == "accepted"
    return outcome


async def test_both_workers_own_partitions_and_together_all_of_them(client: PersonClient, team: list[Worker]) -> None:
    owned = [worker.page("/status")["partitions"] for worker in team]

    assert all(owned)
    assert sorted(partition for one in owned for partition in one) == list(range(PARTITIONS))


async def test_each_worker_answers_for_persons_of_every_partition(
    client: PersonClient, nc: Client, team: list[Worker]
) -> None:
    created: dict[int, dict[str, Any]] = {}
    while len(created) < PARTITIONS:
        outcome = await create(client)
        created[outcome["position"]["partition"]] = outcome
    discovered = await _service_instances(nc)
    assert len(discovered) == 2

    for outcome in created.values():
        request = {"person_id": outcome["person_id"], "min_position": outcome["position"], "timeout_ms": 5000}
        # The queue group spreads the questions; with many of them both workers are asked.
        answers = await asyncio.gather(*(client.query("get_by_id", request) for _ in range(8)))
        assert all(answer["data"]["person_id"] == outcome["person_id"] for answer in answers)
        assert partition_of(outcome["person_id"], PARTITIONS) == outcome["position"]["partition"]
    asked = [stats["endpoints"] for stats in await _service_stats(nc)]
    assert all(
        next(endpoint for endpoint in endpoints if endpoint["name"] == "get_by_id")["num_requests"] > 0
        for endpoints in asked
    )


async def test_a_projection_of_many_keys_joins_the_rows_of_all_partitions(client: PersonClient) -> None:
    outcomes = await asyncio.gather(*(create(client, "Joined") for _ in range(24)))
    keys = [outcome["person_id"] for outcome in outcomes]

    answer = await client.query(
        "get_projection",
        {
            "projection": "summary",
            "keys": keys,
            "min_position": [outcome["position"] for outcome in outcomes],
            "timeout_ms": 5000,
        },
    )

    assert sorted(row["person_id"] for row in answer["data"]) == sorted(keys)
    assert all(row["sequence"] == 1 for row in answer["data"])
    touched = {partition_of(key, PARTITIONS) for key in keys}
    assert {position["partition"] for position in answer["position"]} == touched


async def test_a_read_at_the_position_of_an_outcome_always_sees_the_write(client: PersonClient) -> None:
    person_id = (await create(client, "Reader"))["person_id"]

    for number in range(30):
        verb, status = ("suspend", "Suspended") if number % 2 == 0 else ("reactivate", "Active")
        outcome = await client.send(CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id))
        answer = await client.query("get_by_id", {"person_id": person_id, "min_position": outcome["position"]})
        assert answer["data"]["status"] == status
        assert answer["data"]["version"] == outcome["version"]


async def test_a_person_can_be_read_as_of_an_earlier_event(client: PersonClient) -> None:
    created = await create(client, "Earlier")
    person_id = created["person_id"]
    renamed = await client.send(
        CommandMessage("person.commands.update", {"name": {"given_names": ["Later"]}}, person_id)
    )
    position = {"min_position": renamed["position"]}

    now = await client.query("get_by_id", {"person_id": person_id, **position})
    then = await client.query("get_by_id", {"person_id": person_id, "as_of_sequence": 1, **position})

    assert now["data"]["summary"]["display_name"] == "Later"
    assert then["data"]["summary"]["display_name"] == "Earlier"


async def test_the_timeline_keeps_order_and_filters_by_type(client: PersonClient) -> None:
    person_id = (await create(client, "Timeline"))["person_id"]
    for verb in ("suspend", "reactivate", "suspend"):
        last = await client.send(CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id))
    asked = {"person_id": person_id, "min_position": last["position"]}

    newest_first = (await client.query("get_timeline", asked))["data"]
    suspended = (await client.query("get_timeline", {**asked, "types": ["person.suspended"], "order": "asc"}))["data"]

    assert [entry["sequence"] for entry in newest_first] == [4, 3, 2, 1]
    assert [entry["sequence"] for entry in suspended] == [2, 4]
    assert suspended[0]["title"] == "Person suspended"


async def test_a_long_timeline_is_streamed_in_numbered_messages_that_end_with_an_empty_one(
    client: PersonClient, nc: Client
) -> None:
    person_id = (await create(client, "Stream"))["person_id"]
    for number in range(120):
        verb = "suspend" if number % 2 == 0 else "reactivate"
        sent = await client.publish(CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id))
    last = await client.outcome(*sent, timeout_s=20)
    inbox = nc.new_inbox()
    replies = await nc.subscribe(inbox)
    request = {"person_id": person_id, "order": "asc", "stream": True, "min_position": last["position"]}

    await nc.publish("person.queries.get_timeline", json.dumps(request).encode(), reply=inbox)

    messages = []
    while (data := (await replies.next_msg(timeout=30)).data) != b"":
        messages.append(json.loads(data))
    assert [message["n"] for message in messages] == [0, 1]
    assert [len(message["items"]) for message in messages] == [100, 21]
    assert [entry["sequence"] for message in messages for entry in message["items"]] == list(range(1, 122))


@pytest.mark.parametrize("field", ["types", "categories"])
async def test_a_timeline_of_unknown_kinds_is_refused(client: PersonClient, field: str) -> None:
    asked = {"person_id": "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60", field: ["person.born"]}

    with pytest.raises(QueryFailed) as refused:
        await client.query("get_timeline", asked)

    assert (refused.value.code, refused.value.facts["field"]) == ("invalid_query", f"{field}.0")


async def test_a_stream_is_refused_where_the_answer_is_one_row(client: PersonClient) -> None:
    with pytest.raises(QueryFailed) as refused:
        await client.query("get_outcome", {"command_id": "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60", "stream": True})

    assert refused.value.code == "invalid_query"
    assert refused.value.facts["field"] == "stream"


async def _service_instances(nc: Client) -> set[str]:
    return {stats["id"] for stats in await _service_stats(nc)}


async def _service_stats(nc: Client) -> list[dict[str, Any]]:
    inbox = nc.new_inbox()
    replies = await nc.subscribe(inbox)
    await nc.publish("$SRV.STATS.person-queries", b"", reply=inbox)
    found: list[dict[str, Any]] = []
    while len(found) < 2:
        found.append(json.loads((await replies.next_msg(timeout=30)).data))
    await replies.unsubscribe()
    return found
