"""Dead letters of every route, on running workers: listed, edited where that mends them, dry-run, redriven once, discarded, and recorded."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from nats.aio.client import Client

from bridge.dead_letters import DeadLetter, DeadLetters
from bridge.streams import ensure_stream
from config import streams
from ops.client import CommandMessage, PersonClient, QueryFailed
from ops.contracts import paths
from ops.contracts.documents import documents
from queries.endpoints import ENDPOINTS
from tests.ops.test_person_sagas import parked_saga

WITHIN_S = 20.0
BY = {"by": "user:ada", "why": "a test"}
Row = dict[str, Any]


class Letters:
    """The queries on dead letters, as a client asks them."""

    def __init__(self, client: PersonClient, replies: Mapping[str, Draft202012Validator]) -> None:
        self._client = client
        self._replies = replies

    async def ask(self, endpoint: str, **asked: Any) -> Any:
        answer = await self._client.query(endpoint, asked, timeout_ms=10_000)
        faults = [error.message for error in self._replies[endpoint].iter_errors(answer)]
        assert not faults, (endpoint, faults)
        return answer["data"]

    async def open(self, **filters: Any) -> list[Row]:
        return [*await self.ask("list_dead_letters", **filters)]

    async def holding(self, text: str, **filters: Any) -> Row:
        """The one open letter whose bytes hold a text, as soon as it is there."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            for row in await self.open(**filters):
                shown = await self.ask("get_dead_letter", letter=row["letter"], with_data=True)
                if text in (shown["data"] or ""):
                    return row
            assert time.monotonic() < deadline, "there is no such letter"
            await asyncio.sleep(0.1)

    async def parked(self, person_id: str) -> Row:
        """The parked saga of a person, as soon as it is folded."""
        deadline = time.monotonic() + WITHIN_S
        while not (rows := [row for row in await self.open(person_id=person_id) if row["kind"] == "saga"]):
            assert time.monotonic() < deadline, "the saga is not parked"
            await asyncio.sleep(0.1)
        return rows[0]

    async def edit(self, row: Row, document: Mapping[str, Any]) -> Any:
        return await self.ask("edit_dead_letter", letter=row["letter"], data=orjson.dumps(document).decode(), **BY)

    async def dry_run(self, row: Row, **asked: Any) -> Any:
        return await self.ask("dry_run_dead_letter", letter=row["letter"], **asked)

    async def redrive(self, row: Row) -> Any:
        return await self.ask("redrive_dead_letter", letter=row["letter"], **BY)

    async def discard(self, row: Row) -> Any:
        return await self.ask("discard_dead_letter", letter=row["letter"], **BY)

    async def acts(self, row: Row) -> list[str]:
        return [act["act"] for act in await self.ask("list_dead_letter_acts", letter=row["letter"])]

    async def refusal(self, asked: Any) -> tuple[str, str, str]:
        """Code, field and rule with which an act is refused."""
        with pytest.raises(QueryFailed) as refused:
            await asked
        facts = refused.value.facts
        return refused.value.code, str(facts.get("field")), str(facts.get("rule"))


@pytest.fixture(scope="module")
def replies() -> Mapping[str, Draft202012Validator]:
    """What each query promises to answer."""
    schemas = documents()
    return {name: Draft202012Validator(schemas[paths.reply(name)]) for name in ENDPOINTS if "dead_letter" in name}


@pytest.fixture
def letters(client: PersonClient, replies: Mapping[str, Draft202012Validator]) -> Letters:
    """The queries on dead letters."""
    return Letters(client, replies)


async def created(client: PersonClient) -> str:
    data = {"name": {"given_names": ["Ada"]}, "source": "test"}
    person_id: str = (await client.send(CommandMessage("person.commands.create", data)))["person_id"]
    return person_id


async def store(nc: Client, subject: str, data: bytes) -> None:
    reply = orjson.loads((await nc.request(subject, data, timeout=30)).data)
    assert "error" not in reply, reply


async def version(client: PersonClient, person_id: str) -> int:
    found: int = (await client.query("get_by_id", {"person_id": person_id}))["data"]["version"]
    return found


async def until_linked(client: PersonClient, key: str, person_id: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        found = (await client.query("get_projection", {"projection": "links", "keys": [key]}))["data"]
        if [row["person_ids"] for row in found] == [[person_id]]:
            return
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)


async def test_a_command_that_names_nobody_is_edited_dry_run_and_decided_once(
    client: PersonClient, letters: Letters
) -> None:
    ada = await created(client)
    command = CommandMessage("person.commands.lifecycle.suspend", {"reason": "on leave"}, ada).envelope()
    lost = {name: value for name, value in command.items() if name != "subject"}
    await store(client.nc, "person.commands.lifecycle.suspend", orjson.dumps(lost))

    row = await letters.holding(command["id"], route="commands")
    assert (row["kind"], row["agent"], row["source"]) == ("message", "admit_command", "PERSON_COMMANDS")
    assert (row["cause"], row["reason"]) == ("undecodable", "subject: missing")
    assert await letters.refusal(letters.redrive(row)) == ("invalid_query", "subject", "missing")
    assert await letters.refusal(letters.edit(row, {**command, "data": {"reason": 7}})) == (
        "invalid_query",
        "data.reason",
        "string_type",
    )
    kept = await letters.edit(row, command)
    shown = await letters.ask("get_dead_letter", letter=row["letter"], with_data=True)
    assert (orjson.loads(shown["data"]), orjson.loads(shown["copy"]["data"])) == (lost, command)
    assert (shown["copy"]["digest"], shown["copy"]["by"], shown["row"]["edited"]) == (kept["digest"], "user:ada", True)
    tried = await letters.dry_run(row)
    assert (tried["decision"], tried["events"]) == ("accepted", ["person.suspended"])
    assert {field["field"] for field in tried["fields"]} >= {"status", "version"}
    assert await version(client, ada) == 1

    done, again = await letters.redrive(row), await letters.redrive(row)

    assert (done["done"], done["again"], done["outcome"]["status"]) == (True, False, "accepted")
    assert (again["done"], again["again"]) == (True, True)
    assert await letters.acts(row) == ["redriven", "edited"]
    assert row["letter"] not in {one["letter"] for one in await letters.open(route="commands")}
    sent = await client.send(CommandMessage("person.commands.lifecycle.reactivate", {"reason": "back"}, ada))
    assert (sent["status"], sent["version"]) == ("accepted", 3)


async def test_a_command_under_a_used_id_needs_another_one(client: PersonClient, letters: Letters) -> None:
    ada = await created(client)
    suspend = CommandMessage("person.commands.lifecycle.suspend", {"reason": "on leave"}, ada, id=str(uuid.uuid4()))
    assert (await client.send(suspend))["status"] == "accepted"
    other = CommandMessage("person.commands.lifecycle.reactivate", {"reason": "back"}, ada, id=suspend.id).envelope()
    await store(client.nc, "person.commands.lifecycle.reactivate", orjson.dumps(other))

    row = await letters.holding(str(suspend.id), route="commands", person_id=ada)
    assert row["agent"] == "decide_person"
    assert (await letters.refusal(letters.redrive(row)))[:2] == ("invalid_query", "id")
    await letters.edit(row, {**other, "id": (new := str(uuid.uuid4())), "correlationid": new, "causationid": new})

    assert (await letters.redrive(row))["outcome"]["status"] == "accepted"


async def test_events_of_neighbours_are_translated_again_as_they_were_or_as_they_were_edited(
    client: PersonClient, letters: Letters
) -> None:
    for declared in streams.neighbour_streams(1):
        await ensure_stream(client.nc, declared)
    ada, own = await created(client), uuid.uuid4().hex
    event = {"specversion": "1.0", "id": str(uuid.uuid4()), "type": "identity.verified", "source": "/identity"}
    event["data"] = {"identity_id": f"i-{own}", "level": "Document", "person_id": ada}  # type: ignore[assignment]
    broken = orjson.dumps(event)[:-1]
    await store(client.nc, "identity.events.verified", broken)
    stranger = {**event, "id": str(uuid.uuid4()), "type": "location.person_disassociated"}
    stranger["data"] = {"location_id": f"l-{own}"}  # type: ignore[assignment]
    await store(client.nc, "location.events.person_disassociated", orjson.dumps(stranger))

    refused = await letters.holding(f"i-{own}", agent="identity")
    assert (refused["route"], refused["source"], refused["cause"]) == ("identity", "IDENTITY_EVENTS", "undecodable")
    assert await letters.refusal(letters.redrive(refused)) == ("invalid_query", "$", "json")
    await letters.edit(refused, event)
    assert (await letters.dry_run(refused))["commands"] == [{"type": "person.commands.onboarding.verify_identity"}]
    assert (await letters.redrive(refused))["done"]
    await until_linked(client, f"identity:i-{own}", ada)

    unknown = await letters.holding(f"l-{own}", route="foreign", agent="translate_location")
    assert (unknown["cause"], unknown["person_id"]) == ("unresolved_person", None)
    still = await letters.redrive(unknown)
    assert (still["done"], still["cause"]) == (False, "unresolved_person")
    named = {**stranger, "data": {**stranger["data"], "person_id": ada}}  # type: ignore[dict-item]
    await letters.edit(unknown, named)
    assert (await letters.redrive(unknown))["done"]
    assert await letters.acts(unknown) == ["redriven", "edited", "redrive_failed"]


async def test_parked_sagas_and_inputs_that_made_one_raise_are_retried_once(
    client: PersonClient, letters: Letters
) -> None:
    saga_id, person_id = await parked_saga(client)
    row = await letters.parked(person_id)
    assert (row["kind"], row["letter"], row["route"]) == ("saga", f"saga/{saga_id}", "sagas")
    assert await letters.refusal(letters.edit(row, {})) == ("invalid_query", "letter", "possible")
    assert await letters.refusal(letters.discard(row)) == ("invalid_query", "letter", "possible")
    assert f"abort {saga_id}" in (await letters.ask("get_dead_letter", letter=row["letter"]))["next"]

    assert (await letters.redrive(row))["outcome"]["status"] == "accepted"
    assert (await letters.redrive(row))["done"]
    saga = (await client.query("get_saga", {"saga_id": saga_id}))["data"]
    assert (saga["parked"], saga["round"], saga["history"][-1]["actor"]) == (False, 2, "user:ada")

    other, person_id = await parked_saga(client)
    await letters.parked(person_id)
    timer = f"person.timers.due.{person_id}.{other}"
    letter = DeadLetter("fire_timers", "PERSON_TIMERS", 4711, timer, "handler_failed", "KeyError", other.encode())
    await DeadLetters(client.nc, "person.dlq").store(letter)
    [row] = await letters.open(person_id=person_id, agent="fire_timers")
    assert (row["kind"], row["route"], row["saga_id"]) == ("message", "sagas", other)
    assert [one["saga_id"] for one in (await letters.dry_run(row))["sagas"]] == [other]
    assert (await letters.redrive(row))["done"]
    deadline = time.monotonic() + WITHIN_S
    while left := await letters.open(person_id=person_id):
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.1)


async def test_a_message_that_cannot_be_brought_back_says_why_and_is_discarded(
    client: PersonClient, letters: Letters
) -> None:
    own = uuid.uuid4().hex
    await store(client.nc, "person.timers.due.nobody.x", orjson.dumps({"own": own}))
    row = await letters.holding(own, agent="timers")
    assert (row["cause"], row["source"]) == ("unroutable", "PERSON_TIMERS")
    assert (await letters.refusal(letters.redrive(row)))[:2] == ("invalid_query", "subject")

    assert (await letters.discard(row))["done"]

    assert (await letters.discard(row))["again"]
    assert row["letter"] not in {one["letter"] for one in await letters.open(agent="timers")}
    [act] = await letters.ask("list_dead_letter_acts", letter=row["letter"])
    assert (act["act"], act["by"], act["why"], act["source"]) == ("discarded", "user:ada", "a test", "PERSON_TIMERS")
    newest = await letters.ask("list_dead_letter_acts", limit=50)
    assert act["number"] in {one["number"] for one in newest}
    assert await letters.refusal(letters.ask("get_dead_letter", letter="999999999")) == ("not_found", "letter", "None")


async def test_pages_and_counts_hold_every_letter_once(client: PersonClient, letters: Letters) -> None:
    subject, own = "person.commands.create", uuid.uuid4().hex
    store_letter = DeadLetters(client.nc, "person.dlq").store
    for number in range(5):
        await store_letter(
            DeadLetter(f"people-{own}", "PEOPLE", number + 1, subject, "unroutable", "field x: missing", b"%d" % number)
        )
    found: list[str] = []
    asked: Row = {"agent": f"people-{own}", "limit": 2}
    while True:
        answer = await client.query("list_dead_letters", asked, timeout_ms=10_000)
        found += [row["letter"] for row in answer["data"]]
        if "next" not in answer["page"]:
            break
        asked["cursor"] = answer["page"]["next"]
    counts = await letters.ask("count_dead_letters", agent=f"people-{own}")

    assert (len(found), found) == (5, sorted(set(found), key=int))
    assert (counts["letters"], counts["by_cause"], counts["by_route"]) == (
        5,
        {"unroutable": 5},
        {f"people-{own}": 5},
    )
    assert (await letters.refusal(letters.ask("redrive_dead_letter", letter=found[0], **BY)))[2] == "possible"
    for letter in found:
        await letters.ask("discard_dead_letter", letter=letter, **BY)
    assert f"people-{own}" not in {one["agent"] for one in await letters.open()}
