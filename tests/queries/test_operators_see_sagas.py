"""get_saga, list_sagas and get_correlation on running workers: what an operator asks about sagas that nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from domain.command_data.saga import StartSaga
from ops.client import CommandMessage, PersonClient, QueryFailed

SYNC = {"saga": "cross_domain_sync", "data": {"identity": {"identity_id": "i-1", "identity_type": "corporate"}}}


async def create(client: PersonClient, **data: Any) -> dict[str, Any]:
    name = {"given_names": ["Saga"]}
    outcome = await client.send(CommandMessage("person.commands.create", {"name": name, "source": "test", **data}))
    assert outcome["status"] == "accepted"
    return outcome


async def start(client: PersonClient, person_id: str, key: str) -> dict[str, Any]:
    outcome = await client.send(CommandMessage("person.commands.saga.start", {**SYNC, "key": key}, person_id))
    assert outcome["status"] == "accepted", outcome
    return outcome


async def end(client: PersonClient, outcome: Mapping[str, Any]) -> None:
    """Let a saga of a test do nothing any more."""
    message = CommandMessage(
        "person.commands.saga.abort", {"reason": "the test is over"}, outcome["person_id"], target=outcome["target"]
    )
    assert (await client.send(message))["status"] == "accepted"


async def eventually(client: PersonClient, endpoint: str, request: Mapping[str, Any]) -> Any:
    """The first answer that is no error and not empty."""
    async with asyncio.timeout(60):
        while True:
            try:
                if data := (await client.query(endpoint, request))["data"]:
                    return data
            except QueryFailed as error:
                if error.code != "not_found":
                    raise
            await asyncio.sleep(0.02)


@pytest.fixture
async def synced(client: PersonClient) -> AsyncIterator[dict[str, Any]]:
    """The outcome that started a saga which waits for a neighbour."""
    person = await create(client)
    outcome = await start(client, person["person_id"], "one")
    yield outcome
    await end(client, outcome)


async def test_who_started_a_saga_reads_it_at_once_and_finds_it_by_what_it_is(
    client: PersonClient, synced: dict[str, Any]
) -> None:
    saga_id, person_id, position = synced["target"], synced["person_id"], synced["position"]
    assert saga_id == StartSaga.model_validate({**SYNC, "key": "one"}).saga_id(person_id)
    assert position["stream"] == "PERSON_SAGAS"

    one = await client.query("get_saga", {"saga_id": saga_id, "min_position": position})
    same = await client.query("get_saga", {"saga": "cross_domain_sync", "person_id": person_id})

    assert one["data"] == same["data"]
    assert [entry["event"] for entry in one["data"]["history"]] == ["started", "step_started"]
    assert (one["data"]["status"], one["data"]["step"], one["data"]["version"]) == ("Running", "identity", 2)
    assert one["position"][0]["stream"] == "PERSON_SAGAS"
    matching: tuple[dict[str, Any], ...] = (
        {},
        {"status": ["Running", "Failed"]},
        {"saga": "cross_domain_sync", "step": "identity"},
        {"parked": False},
        {"updated_before": "2999-01-01T00:00:00Z"},
    )
    for filters in matching:
        request = {"person_id": person_id, "min_position": position, **filters}
        [row] = (await client.query("list_sagas", request))["data"]
        assert row == {name: one["data"][name] for name in row}
    for filters in (
        {"status": ["Completed"]},
        {"saga": "merge"},
        {"step": "location"},
        {"parked": True},
        {"updated_before": "2001-01-01T00:00:00Z"},
    ):
        assert (await client.query("list_sagas", {"person_id": person_id, **filters}))["data"] == []


async def test_a_list_is_told_stalest_first_page_by_page_and_as_a_stream(client: PersonClient) -> None:
    persons = [await create(client) for _ in range(4)]
    started = [await start(client, one["person_id"], "page") for one in persons]
    positions = [one["position"] for one in started]
    request: dict[str, Any] = {
        "saga": "cross_domain_sync",
        "status": ["Running"],
        "min_position": positions,
        "limit": 3,
    }

    paged: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await client.query("list_sagas", {**request, **cursor})
        paged += answer["data"]
        if "next" not in answer["page"]:
            break
        cursor = {"cursor": answer["page"]["next"]}
    streamed = [row async for row in client.stream("list_sagas", request)]

    order = [(row["updated_at"], row["saga_id"]) for row in streamed]
    assert order == sorted(order)
    own = {one["target"] for one in started}
    assert [row for row in streamed if row["saga_id"] in own] == [row for row in paged if row["saga_id"] in own]
    assert [row["saga_id"] for row in streamed if row["saga_id"] in own] == [one["target"] for one in started]
    for one in started:
        await end(client, one)


async def test_a_correlation_leads_from_the_command_over_the_saga_and_its_commands_to_their_effects(
    client: PersonClient,
) -> None:
    created = await create(client, onboarding=True)
    person_id, correlation = created["person_id"], created["command_id"]
    saga = await eventually(client, "get_saga", {"saga": "onboarding", "person_id": person_id})
    cancel = CommandMessage("person.commands.saga.cancel", {"reason": "test"}, person_id, target=saga["saga_id"])

    cancelled = await client.send(cancel)

    async with asyncio.timeout(60):
        while True:
            told = await eventually(client, "get_correlation", {"correlation_id": cancelled["command_id"]})
            edges = set(causes(told["messages"]))
            if ("person.saga.step_started", "person.commands.onboarding.fail") in edges and told["faults"] == []:
                break
            await asyncio.sleep(0.05)
    assert ("command", "person.saga.step_failed") in edges
    assert ("person.commands.onboarding.fail", "person.onboarding_failed") in edges
    begun = (await client.query("get_correlation", {"correlation_id": correlation}))["data"]
    assert begun["faults"] == []
    assert {
        ("command", "person.onboarding_started"),
        ("person.onboarding_started", "person.saga.started"),
        ("person.saga.step_started", "identity.commands.request_verification"),
    } <= set(causes(begun["messages"]))


def causes(messages: Any) -> list[tuple[str, str]]:
    """Types of causes and effects."""
    return [
        pair
        for message in messages
        for pair in (*((message["type"], one["type"]) for one in message["effects"]), *causes(message["effects"]))
    ]


async def test_the_command_of_a_policy_follows_from_the_event_that_it_answers(client: PersonClient) -> None:
    created = await create(client)
    person_id = created["person_id"]
    policy = "archival-of-one"
    document = {
        "policy_id": policy,
        "version": 1,
        "title": "One person is let go of",
        "trigger": "person.suspended",
        "condition": f"event.subject == '{person_id}'",
        "command": {
            "type": "person.commands.saga.start",
            "data": {"saga": "archival", "data": {"cause": "Archived"}},
        },
        "examples": [
            {"event": {"subject": person_id, "data": {"reason": "x"}}, "expect": "fires"},
            {"event": {"data": {"reason": "x"}}, "expect": "silent"},
        ],
    }
    for command, data in (("register", {"document": document}), ("activate", {"version": 1})):
        outcome = await client.send(CommandMessage(f"person.commands.rules.{command}", data, target=policy))
        assert outcome["status"] == "accepted", outcome
    await in_force(client, policy)

    suspend = CommandMessage("person.commands.lifecycle.suspend", {"reason": "left"}, person_id)
    suspended = await client.send(suspend)

    saga = await eventually(client, "get_saga", {"saga": "archival", "person_id": person_id})
    told = await eventually(client, "get_correlation", {"correlation_id": suspended["command_id"]})
    assert told["faults"] == []
    edges = causes(told["messages"])
    assert ("person.suspended", "command") in edges
    assert ("command", "person.saga.started") in edges
    request = {"policy_id": policy, "with_decisions": True, "min_position": suspended["position"]}
    [rule] = (await client.query("list_rules", request))["data"]
    assert (rule["status"], rule["trigger"], rule["counters"]["fired"]) == ("active", "person.suspended", 1)
    assert [decision["verdict"] for decision in rule["decisions"]] == ["fired"]
    assert (await client.query("list_rules", {"policy_id": policy, "status": ["draft"]}))["data"] == []
    await client.send(CommandMessage("person.commands.rules.retire", {"version": 1}, target=policy))
    await end(client, {"person_id": person_id, "target": saga["saga_id"]})


async def in_force(client: PersonClient, policy: str) -> None:
    """Wait until a policy is told as active, which it is when every worker knows."""
    async with asyncio.timeout(60):
        while await told_as(client, policy) != ["active"]:  # noqa: ASYNC110  # no worker announces what it has heard
            await asyncio.sleep(0.05)


async def told_as(client: PersonClient, policy: str) -> list[str]:
    """The statuses of a policy's versions."""
    return [row["status"] for row in (await client.query("list_rules", {"policy_id": policy}))["data"]]


@pytest.mark.parametrize(
    ("endpoint", "request_", "code", "says"),
    [
        ("get_saga", {}, "invalid_query", "give either saga_id"),
        ("get_saga", {"saga": "merge"}, "invalid_query", "saga and person_id belong together"),
        ("get_saga", {"saga_id": "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"}, "not_found", "no such saga"),
        ("list_sagas", {"status": ["Stuck"]}, "invalid_query", "status.0"),
        ("list_sagas", {"updated_before": "yesterday"}, "invalid_query", "updated_before"),
        ("list_sagas", {"cursor": "x"}, "invalid_query", "cursor"),
        ("list_rules", {"policy_id": "No Such"}, "invalid_query", "policy_id"),
    ],
)
async def test_a_wrong_question_names_what_is_wrong(
    client: PersonClient, endpoint: str, request_: dict[str, Any], code: str, says: str
) -> None:
    with pytest.raises(QueryFailed) as failed:
        await client.query(endpoint, request_)

    assert failed.value.code == code
    assert says in failed.value.reason
