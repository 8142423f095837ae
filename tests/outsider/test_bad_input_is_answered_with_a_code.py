"""Bad input: a stable code for the sender, a dead letter where nobody can be answered, and the neighbours go on."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.outsider.conftest import Outsider

PERSON = "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"


async def test_malformed_json_is_refused_to_the_sender(outsider: Outsider) -> None:
    _, outcome = await outsider.send("person.commands.create", b'{"specversion": "1.0", ')

    assert (outcome["status"], outcome["code"]) == ("refused", "invalid_command")


async def test_malformed_json_without_a_reply_address_becomes_a_dead_letter(outsider: Outsider) -> None:
    marker = uuid.uuid4().hex.encode()
    letters = await outsider.js.pull_subscribe("person.dlq.>", stream="PERSON_DLQ")

    await outsider.nc.request("person.commands.create", b"{broken " + marker, timeout=30)

    found = None
    while found is None:
        for message in await letters.fetch(10, timeout=10):
            await message.ack()
            if marker in message.data:
                found = message
    assert found.data == b"{broken " + marker
    assert found.headers is not None
    assert found.headers["Dead-Letter-Cause"] == "undecodable"
    assert found.headers["Dead-Letter-Subject"] == "person.commands.create"
    await letters.unsubscribe()


async def test_an_unknown_command_subject_is_refused(outsider: Outsider) -> None:
    outcome = await outsider.run(outsider.command("person.commands.lifecycle.promote", {}, PERSON))

    assert (outcome["status"], outcome["code"]) == ("refused", "invalid_command")


async def test_an_unknown_field_is_named(outsider: Outsider) -> None:
    command = outsider.command("person.commands.lifecycle.suspend", {"reason": "x", "colour": "red"}, PERSON)

    outcome = await outsider.run(command)

    assert outcome["code"] == "invalid_command"
    assert outcome["facts"]["field"] == "data.colour"


@pytest.mark.parametrize("person_id", ["not-a-uuid", "00000000-0000-0000-0000-000000000000", PERSON.upper()])
async def test_an_invalid_person_id_is_refused(outsider: Outsider, person_id: str) -> None:
    outcome = await outsider.run(outsider.command("person.commands.lifecycle.suspend", {"reason": "x"}, person_id))

    assert outcome["code"] == "invalid_command"
    assert outcome["facts"]["field"] == "subject"


async def test_a_wrong_type_is_named(outsider: Outsider) -> None:
    outcome = await outsider.run(outsider.command("person.commands.lifecycle.suspend", {"reason": 7}, PERSON))

    assert outcome["code"] == "invalid_command"
    assert outcome["facts"]["field"] == "data.reason"


async def test_a_message_of_two_megabytes_is_refused_to_the_sender(outsider: Outsider) -> None:
    command = outsider.command("person.commands.lifecycle.suspend", {"reason": "x" * 2_000_000}, PERSON)

    outcome = await outsider.run(command)

    assert outcome["code"] == "invalid_command"
    assert outcome["facts"]["field"] == "message"


async def test_a_command_for_a_person_that_does_not_exist_is_refused(outsider: Outsider) -> None:
    command = outsider.command("person.commands.lifecycle.suspend", {"reason": "x"}, str(uuid.uuid4()))

    assert (await outsider.run(command))["code"] == "person_not_found"


async def test_the_same_command_id_with_other_content_is_refused_and_the_first_outcome_stands(
    outsider: Outsider,
) -> None:
    first = outsider.command("person.commands.create", {"name": {"given_names": ["First"]}, "source": "outsider"})
    accepted = await outsider.run(first)
    second: dict[str, Any] = {**first, "data": {"name": {"given_names": ["Second"]}, "source": "outsider"}}

    outcome = await outsider.run(second)

    assert outcome["code"] == "invalid_command"
    assert outcome["facts"] == {"field": "id", "rule": "unique"}
    assert (await outsider.ask("get_outcome", {"command_id": first["id"]}))["data"] == accepted


async def test_neighbours_of_bad_input_are_decided_in_the_same_moment(outsider: Outsider) -> None:
    bad = [outsider.send("person.commands.create", b"\xff\xfe") for _ in range(20)]
    good = [outsider.create("Neighbour") for _ in range(20)]

    refused, accepted = await asyncio.gather(asyncio.gather(*bad), asyncio.gather(*good))

    assert [outcome["code"] for _, outcome in refused] == ["invalid_command"] * 20
    assert [outcome["status"] for outcome in accepted] == ["accepted"] * 20


async def test_no_personal_data_comes_back_in_a_refusal(outsider: Outsider) -> None:
    data = {"component_type": "EmailAddress", "data": {"email": {"address": "secret person@@example"}}}

    outcome = await outsider.run(outsider.command("person.commands.component.add", data, PERSON))

    assert outcome["code"] == "invalid_command"
    assert "secret" not in json.dumps(outcome)


@pytest.mark.parametrize(
    ("request_body", "code", "field"),
    [
        (b"{", "invalid_query", "request"),
        (b'{"person_id": "x"}', "invalid_query", "person_id"),
        (b'{"person_id": "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60", "colour": 1}', "invalid_query", "colour"),
        (b'{"person_id": "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f6f"}', "not_found", "person_id"),
    ],
)
async def test_a_bad_query_gets_a_code_and_the_field(
    outsider: Outsider, request_body: bytes, code: str, field: str
) -> None:
    reply = await outsider.nc.request("person.queries.get_by_id", request_body, timeout=10)

    answer = json.loads(reply.data)

    assert answer["ok"] is False
    assert answer["error"]["code"] == code
    assert answer["error"]["facts"]["field"] == field


async def test_a_position_that_is_not_reached_in_time_is_not_ready(outsider: Outsider) -> None:
    created = await outsider.create("Early")
    position = {**created["position"], "stream_sequence": created["position"]["stream_sequence"] + 10**9}

    answer = await outsider.ask(
        "get_by_id", {"person_id": created["person_id"], "min_position": position, "timeout_ms": 200}
    )

    assert answer["error"]["code"] == "not_ready"
    assert answer["error"]["facts"]["position"]["partition"] == created["position"]["partition"]
