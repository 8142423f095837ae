"""A client that has the AsyncAPI document and its schemas, plain NATS and a JSON Schema validator, and nothing else of this project.

It sends every command in the order of the numbered examples, asks every query, and reads what was published."""

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
    positions = latest([outcome["position"] for outcome in outcomes])
    stored = await read_events(nc, outcomes)
    await check_events(document, outcomes, stored, republished)
    await ask_every_query(nc, document, positions)


async def send_every_command(nc: Client, document: Document) -> list[dict[str, Any]]:
    """All examples of commands, in the order of their numbers; returns the outcomes."""
    examples = [
        (example["name"], address, message, outcome, example["payload"])
        for address, message, outcome in document.received("person.commands.")
        for example in message["examples"]
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


def latest(positions: list[dict[str, int]]) -> list[dict[str, int]]:
    """The last position of each partition."""
    last: dict[int, int] = {}
    for one in positions:
        last[one["partition"]] = max(one["stream_sequence"], last.get(one["partition"], 0))
    return [{"partition": partition, "stream_sequence": sequence} for partition, sequence in last.items()]


async def read_events(nc: Client, outcomes: list[dict[str, Any]]) -> dict[str, Msg]:
    """The stored events of the outcomes, by id: one reader for each person."""
    wanted: dict[str, set[str]] = {}
    for outcome in outcomes:
        wanted.setdefault(outcome["person_id"], set()).update(event["id"] for event in outcome["events"])
    js = nc.jetstream()
    found: dict[str, Msg] = {}
    for person, ids in wanted.items():
        reader = await js.subscribe(f"person.events.*.*.*.{person}", stream="PERSON_EVENTS", ordered_consumer=True)
        while not ids <= found.keys():
            message = await reader.next_msg(timeout=5)
            found[json.loads(message.data)["id"]] = message
        await reader.unsubscribe()
    return found


async def check_events(
    document: Document, outcomes: list[dict[str, Any]], stored: dict[str, Msg], republished: asyncio.Queue[Msg]
) -> None:
    """Every event of an outcome is stored, republished with the same bytes, and as its channel says."""
    channels = document.sent()
    types: set[str] = set()
    seen: dict[str, Msg] = {}
    for event in [event for outcome in outcomes for event in outcome["events"]]:
        message = stored[event["id"]]
        body = json.loads(message.data)
        context, name = message.subject.split(".")[2:4]
        document.check(channels[f"person.events.{context}.{name}"], body)
        assert (body["type"], body["sequence"]) == (event["type"], event["sequence"])
        types.add(body["type"])
        while event["id"] not in seen:
            again = await asyncio.wait_for(republished.get(), SETTLE_S)
            seen[json.loads(again.data)["id"]] = again
        assert seen[event["id"]].subject == f"person.events.{context}.{name}"
        assert seen[event["id"]].data == message.data
    described = {
        message["examples"][0]["payload"]["type"]
        for address, message in channels.items()
        if address.startswith("person.events.")
    }
    assert types == described


async def ask_every_query(nc: Client, document: Document, positions: list[dict[str, int]]) -> None:
    """All examples of queries, once the events of the commands are applied, in one message and as a stream."""
    for address, message, reply in document.received("person.queries."):
        for example in message["examples"]:
            request = {**example["payload"], "min_position": positions, "timeout_ms": 10_000}
            document.check(message, request)
            answer = json.loads((await nc.request(address, json.dumps(request).encode(), timeout=12)).data)
            document.check(reply, answer)
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
