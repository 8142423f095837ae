"""A client that has the AsyncAPI document and its schemas, plain NATS and a JSON Schema validator, and nothing else of this project.

It sends every command in the order of the numbered examples, asks every query, and reads what was published, also of what sagas have done
on their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from nats.aio.client import Client
from nats.aio.msg import Msg
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = Path(__file__).parents[2] / "contracts"
SETTLE_S = 15


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without room for fields that it does not name. A reader would pass over them; the document should name them all."""
    if schema.get("type") == "object" and "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


class Document:
    """An AsyncAPI 3.0 document, its references followed."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = json.loads((FOLDER / "asyncapi.json").read_text())
        self._registry: Registry[Any] = Registry(retrieve=self._read)  # type: ignore[call-arg]

    @staticmethod
    def _read(uri: str) -> Resource[Any]:
        contents = json.loads((FOLDER / uri).read_text(), object_hook=closed)
        return Resource.from_contents(contents, default_specification=DRAFT202012)

    def at(self, part: Any) -> Any:
        """What a reference within the document leads to."""
        while "$ref" in part:
            pointer, part = part["$ref"], self.root
            for name in pointer.removeprefix("#/").split("/"):
                part = part[name]
        return part

    def check(self, message: Any, payload: Any) -> None:
        """Fail when a payload breaks the schema of its message."""
        schema = {"$ref": message["payload"]["$ref"]}
        fault = best_match(Draft202012Validator(schema, registry=self._registry).iter_errors(payload))
        assert fault is None, f"{message['name']}: {fault.json_path}: {fault.message[:500]}"

    def received(self, prefix: str) -> Iterator[tuple[str, Any, Any]]:
        """Address, message and expected reply of everything that the application takes on addresses with a prefix."""
        for operation in self.root["operations"].values():
            channel = self.at(operation["channel"])
            if operation["action"] == "receive" and channel["address"].startswith(prefix):
                yield (
                    channel["address"],
                    self.at(operation["messages"][0]),
                    self.at(operation["reply"]["messages"][0]),
                )

    def sent(self) -> dict[str, Any]:
        """Address with a fixed text to its message, of everything that the application sends on its own."""
        return {
            channel["address"]: self.at(next(iter(channel["messages"].values())))
            for operation in self.root["operations"].values()
            for channel in [self.at(operation["channel"])]
            if operation["action"] == "send" and "{" not in channel["address"]
        }


@pytest.fixture
async def nc(team: object, servers: Any) -> AsyncIterator[Client]:
    """A connection to the server whose address somebody gave us."""
    connection = await nats.connect(servers.nats_url)
    yield connection
    await connection.close()


async def test_the_document_alone_is_enough_to_send_every_command_and_to_ask_every_query(nc: Client) -> None:
    document = Document()
    republished: asyncio.Queue[Msg] = asyncio.Queue()
    await nc.subscribe("person.events.*.*", cb=republished.put)
    await nc.flush()

    outcomes = await send_every_command(nc, document)
    stored = await read_events(nc, document, outcomes)
    await check_events(document, stored, republished)
    await check_saga_events(nc, document, outcomes)
    await ask_every_query(nc, document, latest([outcome["position"] for outcome in outcomes if outcome["position"]]))


async def send_every_command(nc: Client, document: Document) -> list[dict[str, Any]]:
    """All examples of commands, in the order of their numbers; returns the outcomes."""
    examples = [
        (example["name"], address, message, outcome, example["payload"])
        for address, message, outcome in document.received("person.commands.")
        for example in message["examples"]
        # The others are sent by sagas.
        if example["name"][0].isdigit()
    ]
    inbox: asyncio.Queue[Msg] = asyncio.Queue()
    subject = nc.new_inbox()
    subscription = await nc.subscribe(subject, cb=inbox.put)
    outcomes = []
    for name, address, message, outcome, payload in sorted(examples, key=lambda one: str(one[0])):
        document.check(message, payload)
        acknowledged = await nc.request(
            address, json.dumps(payload).encode(), timeout=5, headers={"Person-Reply-To": subject}
        )
        assert json.loads(acknowledged.data)["stream"] == "PERSON_COMMANDS"
        answer: dict[str, Any] = {}
        while answer.get("command_id") != payload["id"]:  # an outcome may come more than once
            answer = json.loads((await asyncio.wait_for(inbox.get(), SETTLE_S)).data)
            document.check(outcome, answer)
        assert answer["status"] == "accepted", (name, answer)
        outcomes.append(answer)
    await subscription.unsubscribe()
    return outcomes


def latest(positions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last position of each partition and stream."""
    last: dict[tuple[int, str], dict[str, Any]] = {}
    for one in positions:
        place = (one["partition"], one.get("stream", ""))
        if place not in last or one["stream_sequence"] > last[place]["stream_sequence"]:
            last[place] = one
    return list(last.values())


async def read_events(nc: Client, document: Document, outcomes: list[dict[str, Any]]) -> dict[str, Msg]:
    """The stored events of all persons, by id: those of the outcomes, and at least one of each type that is described."""
    wanted = {event["id"]: event for one in outcomes if "target" not in one for event in one["events"]}
    described = described_types(document)
    persons = {outcome["person_id"] for outcome in outcomes if "person_id" in outcome}
    found: dict[str, Msg] = {}
    types: set[str] = set()
    js = nc.jetstream()
    readers = [
        await js.subscribe(f"person.events.*.*.*.{person}", stream="PERSON_EVENTS", ordered_consumer=True)
        for person in persons
    ]
    async with asyncio.timeout(SETTLE_S):
        while not (wanted.keys() <= found.keys() and types >= described):
            for reader in readers:
                while reader.pending_msgs:
                    message = await reader.next_msg(timeout=30)
                    body = json.loads(message.data)
                    found[body["id"]] = message
                    types.add(body["type"])
            await asyncio.sleep(0.05)
    for reader in readers:
        await reader.unsubscribe()
    for event_id, event in wanted.items():
        body = json.loads(found[event_id].data)
        assert (body["type"], body["sequence"]) == (event["type"], event["sequence"])
    assert types == described
    return found


def described_types(document: Document) -> set[str]:
    """Types of the events of persons that the document describes."""
    return {
        message["examples"][0]["payload"]["type"]
        for address, message in document.sent().items()
        if address.startswith("person.events.")
    }


async def check_events(document: Document, stored: dict[str, Msg], republished: asyncio.Queue[Msg]) -> None:
    """Every stored event is republished with the same bytes, and as its channel says."""
    channels = document.sent()
    seen: dict[str, Msg] = {}
    for event_id, message in stored.items():
        context, name = message.subject.split(".")[2:4]
        document.check(channels[f"person.events.{context}.{name}"], json.loads(message.data))
        while event_id not in seen:
            again = await asyncio.wait_for(republished.get(), SETTLE_S)
            seen[json.loads(again.data)["id"]] = again
        assert seen[event_id].subject == f"person.events.{context}.{name}"
        assert seen[event_id].data == message.data


async def check_saga_events(nc: Client, document: Document, outcomes: list[dict[str, Any]]) -> None:
    """The events of sagas and policies that outcomes name are stored, and as their messages say."""
    messages = {
        message["examples"][0]["payload"]["type"]: message
        for message in document.root["components"]["messages"].values()
        if message["name"].startswith(("Saga", "Rule")) and message.get("examples")
    }
    js = nc.jetstream()
    for outcome in outcomes:
        if "target" not in outcome or not outcome["events"]:
            continue
        is_saga = "person_id" in outcome
        subject = f"person.sagas.*.*.*.*.{outcome['target']}" if is_saga else f"person.rules.*.{outcome['target']}"
        stream = "PERSON_SAGAS" if is_saga else "PERSON_RULES"
        reader = await js.subscribe(subject, stream=stream, ordered_consumer=True)
        missing = {event["id"] for event in outcome["events"]}
        while missing:
            body = json.loads((await reader.next_msg(timeout=30)).data)
            document.check(messages[body["type"]], body)
            missing.discard(body["id"])
        await reader.unsubscribe()


async def ask_every_query(nc: Client, document: Document, positions: list[dict[str, int]]) -> None:
    """All examples of queries, once the events of the commands are applied, in one message and as a stream."""
    for address, message, reply in document.received("person.queries."):
        for example in message["examples"]:
            request = {**example["payload"], "min_position": positions, "timeout_ms": 10_000}
            document.check(message, request)
            answer = json.loads((await nc.request(address, json.dumps(request).encode(), timeout=12)).data)
            document.check(reply, answer)
            if "dead_letter" in address and not answer["ok"]:
                # The examples name a letter that nobody has.
                assert answer["error"]["code"] == "not_found", (address, answer)
                continue
            assert answer["ok"], (address, example["payload"], answer)
            if "subject" in answer["data"]:
                await read_changes(nc, document, answer["data"]["subject"])
        if streams(reply):
            await read_stream(nc, document, address, reply, request)


def streams(reply: Any) -> bool:
    """Whether a reply may be one message of a stream."""
    schema = json.loads((FOLDER / reply["payload"]["$ref"]).read_text())
    return any("items" in part.get("properties", {}) for part in schema["$defs"].values())


async def read_stream(nc: Client, document: Document, address: str, reply: Any, request: dict[str, Any]) -> None:
    """Ask for a stream, and read it up to the empty message that ends it."""
    inbox = nc.new_inbox()
    subscription = await nc.subscribe(inbox)
    await nc.publish(address, json.dumps({**request, "stream": True}).encode(), reply=inbox)
    number = 0
    while (message := await subscription.next_msg(timeout=12)).data:
        body = json.loads(message.data)
        document.check(reply, body)
        assert (body["ok"], body["n"]) == (True, number), (address, body)
        number += 1
    assert number
    await subscription.unsubscribe()


async def read_changes(nc: Client, document: Document, subject: str) -> None:
    """Follow a live subscription until its snapshot is complete."""
    change = document.at(document.root["components"]["messages"]["Change"])
    subscription = await nc.subscribe(subject)
    seen: list[str] = []
    while "caught_up" not in seen:
        body = json.loads((await subscription.next_msg(timeout=12)).data)
        document.check(change, body)
        seen.append(body["op"])
    assert "snapshot" in seen
    await subscription.unsubscribe()
