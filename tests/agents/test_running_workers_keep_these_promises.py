"""The same promises through the whole system: two running workers, real streams and topics, a client."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from config.topics import EVENTS
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Endpoints
from ops.client import PersonClient, QueryFailed

if TYPE_CHECKING:
    from tests.agents.conftest import Persons

P = 3


async def test_a_poison_event_parks_its_person_and_others_of_its_partition_go_on_being_visible(
    client: PersonClient, persons: Persons
) -> None:
    ada, grace = persons.new(), persons.new()
    await client.send(persons.create(ada, "Ada"))
    await client.send(persons.create(grace, "Grace"))
    unknown = orjson.dumps({"specversion": "1.0", "type": "person.teleported", "subject": ada, "sequence": 2})
    broken = b'{"broken": "' + ada.encode()

    await persons.append_raw(ada, unknown)
    await persons.append_raw(ada, broken)
    outcome = await client.send(persons.rename(grace, "Grace B"))

    assert (await _summary(client, grace, outcome["position"]))["sequence"] == 2
    # Nobody is shown a row that lags behind the position that he asked for.
    with pytest.raises(QueryFailed) as behind:
        await _summary(client, ada, outcome["position"])
    assert (behind.value.code, behind.value.reason) == ("not_ready", "the person is in quarantine for fold_persons")
    assert (await client.query("get_by_id", {"person_id": ada}))["data"]["version"] == 1
    assert sorted(await persons.letters(ada)) == sorted(
        (agent, cause, data)
        for agent in ("fold_persons", "project_timeline")
        for cause, data in (("unknown_type", unknown), ("held_back", broken))
    )


async def test_records_that_are_in_kafka_twice_count_once(
    client: PersonClient, persons: Persons, servers: Endpoints
) -> None:
    ada, grace = persons.new(), persons.new()
    for command in (persons.create(ada, "Ada"), persons.rename(ada, "Ada B"), persons.rename(ada, "Ada C")):
        outcome = await client.send(command)
    summary = await _summary(client, ada, outcome["position"])
    timeline = await _timeline(client, ada, outcome["position"])

    copied = await _copy_in_kafka(servers, ada)
    # Grace's event comes behind the copies in the same partition: once it is visible, they have been folded.
    outcome = await client.send(persons.create(grace, "Grace"))

    assert copied == 3
    assert await _summary(client, ada, outcome["position"]) == summary
    assert await _timeline(client, ada, outcome["position"]) == timeline
    assert [entry["sequence"] for entry in timeline] == [1, 2, 3]


async def test_the_same_command_twice_has_one_outcome_and_one_effect(client: PersonClient, persons: Persons) -> None:
    ada = persons.new()
    command = persons.create(ada, "Ada", str(uuid.uuid4()))

    first = await client.send(command)
    second = await client.send(command)

    assert first == second
    assert first["status"] == "accepted"
    assert await persons.sequences(ada) == [1]


async def test_an_id_with_other_content_is_refused_to_its_sender_and_dead_lettered(
    client: PersonClient, persons: Persons
) -> None:
    ada, command_id = persons.new(), str(uuid.uuid4())
    first = await client.send(persons.create(ada, "Ada", command_id))

    second = await client.send(persons.create(ada, "Mallory", command_id))

    assert (second["status"], second["code"]) == ("refused", "invalid_command")
    assert (await client.query("get_outcome", {"command_id": command_id}))["data"] == first
    assert [consumer for consumer, _, _ in await persons.letters(command_id)] == ["decide_person"]
    assert await persons.sequences(ada) == [1]


async def test_events_that_others_append_meanwhile_stand_in_one_serial_order(
    client: PersonClient, persons: Persons
) -> None:
    ada = persons.new()
    await client.send(persons.create(ada, "Ada"))

    versions = []
    for letter in "BCD":
        await persons.append(ada, f"Other {letter}")
        outcome = await client.send(persons.rename(ada, f"Ada {letter}"))
        versions.append((outcome["status"], outcome["version"]))

    assert versions == [("accepted", 3), ("accepted", 5), ("accepted", 7)]
    assert await persons.sequences(ada) == [1, 2, 3, 4, 5, 6, 7]
    summary = await _summary(client, ada, outcome["position"])
    assert (summary["sequence"], summary["position"]["stream_sequence"]) == (7, outcome["position"]["stream_sequence"])


async def test_a_command_that_cannot_be_routed_is_answered_dead_lettered_and_passed(
    client: PersonClient, persons: Persons
) -> None:
    ada, mark = persons.new(), str(uuid.uuid4())
    answers = await client.nc.subscribe(inbox := client.nc.new_inbox())
    headers = {"Person-Reply-To": inbox}
    lost = {"specversion": "1.0", "id": mark, "type": "person.commands.update", "data": {}}

    await client.nc.request("person.commands.update", json.dumps(lost).encode(), headers=headers)
    await client.nc.request("person.commands.update", f"no json {mark}".encode(), headers=headers)
    outcome = await client.send(persons.create(ada, "Ada"))

    refused = [json.loads((await answers.next_msg(timeout=30)).data) for _ in range(2)]
    assert [(one["status"], one["code"], one["facts"]["field"]) for one in refused] == [
        ("refused", "invalid_command", "subject"),
        ("refused", "invalid_command", "$"),
    ]
    assert [(consumer, cause) for consumer, cause, _ in await persons.letters(mark)] == [
        ("admit_command", "undecodable")
    ] * 2
    assert outcome["status"] == "accepted"


async def _summary(client: PersonClient, person_id: str, position: dict[str, int]) -> dict[str, Any]:
    query = {"projection": "summary", "key": person_id, "min_position": position}
    [row] = (await client.query("get_projection", query, timeout_ms=5000))["data"]
    found: dict[str, Any] = row
    return found


async def _timeline(client: PersonClient, person_id: str, position: dict[str, int]) -> list[dict[str, Any]]:
    query = {"person_id": person_id, "order": "asc", "min_position": position}
    entries: list[dict[str, Any]] = (await client.query("get_timeline", query, timeout_ms=5000))["data"]
    return entries


async def _copy_in_kafka(servers: Endpoints, person_id: str) -> int:
    """Write every record of a person once more, as ingress does after a failure; returns how many."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka_bootstrap, auto_offset_reset="earliest")
    producer = DurableProducer(servers.kafka_bootstrap, client_id="copier", max_batch_bytes=1 << 20)
    await consumer.start()
    try:
        tp = TopicPartition(EVENTS, P)
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        found: list[ConsumerRecord[bytes, bytes]] = []
        while await consumer.position(tp) < end:
            found += (await consumer.getmany(tp, timeout_ms=1000)).get(tp, [])
        copies = [
            OutgoingRecord(one.key, one.value, one.timestamp, list(one.headers))
            for one in found
            if one.key == person_id.encode()
        ]
        await producer.write([OutgoingBatch(EVENTS, P, copies)])
        return len(copies)
    finally:
        await producer.stop()
        await consumer.stop()
