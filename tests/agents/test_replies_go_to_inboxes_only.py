"""Whatever a sender writes as its reply address: commands are decided, and nothing is published but to an inbox."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import orjson
import pytest
from nats.aio.client import Client

from agents.replies import REPLY_TO, announce
from config import streams
from local.stack import Endpoints
from ops.client import PersonClient
from tests.agents.conftest import P, carried

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

NO_INBOXES = [
    b"",
    b" ",
    b"_INBOX",
    b"_INBOX.",
    b"_INBOX.a b",
    b"_INBOX.a\tb",
    b"_INBOX.a..b",
    b"_INBOX.a.",
    b"_INBOX.>",
    b"_INBOX.*",
    b"_INBOX.a.*.b",
    b"x_INBOX.a",
    b">",
    b"person.events.identity.updated.<person>",
    b"person.commands.update",
    b"$JS.API.STREAM.PURGE.NONE",
    b"_INBOX.\xff\xfe",
    b"\xff",
    b"_INBOX." + b"a" * 5000,
]


class Published:
    """A connection that notes what is published."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    async def publish(self, subject: str, payload: bytes) -> None:
        self.subjects.append(subject)


@pytest.mark.parametrize("address", NO_INBOXES, ids=lambda value: repr(value[:20]))
async def test_an_address_that_is_no_inbox_is_passed_over(address: bytes) -> None:
    nc = Published()

    await announce(cast(Client, nc), "id", address.decode(errors="replace"), b"outcome")

    assert nc.subjects == ["person.outcomes.id"]


async def test_an_inbox_of_a_client_gets_the_reply() -> None:
    nc = Published()

    inboxes = [Client().new_inbox(), "_INBOX.team-a.b_C.9"]

    for inbox in inboxes:
        await announce(cast(Client, nc), None, inbox, b"outcome")

    assert nc.subjects == inboxes


@pytest.mark.parametrize("address", NO_INBOXES, ids=lambda value: repr(value[:20]))
async def test_such_an_address_fails_no_lane(persons: Persons, worker: Worker, address: bytes) -> None:
    ada, command_id = persons.new(), str(uuid.uuid4())
    command = persons.create(ada, "Ada", command_id)
    record = carried(streams.COMMANDS, command.type, orjson.dumps(command.envelope()), 1 << 41, 0)
    record.headers[REPLY_TO] = address.replace(b"<person>", ada.encode())  # type: ignore[index]  # made by this test

    await worker.run([worker.decider()], [record])

    outcome = worker.outcomes.read(P, command_id)
    assert outcome is not None
    assert outcome["status"] == "accepted"
    assert await persons.sequences(ada) == [1]


@pytest.mark.parametrize("routable", [True, False], ids=["routable", "not routable"])
async def test_ingress_and_workers_go_on_behind_commands_with_such_addresses(
    client: PersonClient, persons: Persons, servers: Endpoints, routable: bool
) -> None:
    ids = [str(uuid.uuid4()) for _ in NO_INBOXES]
    people = [persons.new() for _ in NO_INBOXES]
    told = await client.nc.subscribe("person.outcomes.*")
    await client.nc.flush()

    for command_id, person_id, address in zip(ids, people, NO_INBOXES, strict=True):
        envelope = persons.create(person_id, "Ada", command_id).envelope()
        if not routable:
            envelope["subject"] = "nobody"
        header = address.replace(b"<person>", person_id.encode())
        await _publish_raw(servers, "person.commands.create", header, json.dumps(envelope).encode())
    last = await client.send(persons.create(persons.new(), "Grace"))

    assert last["status"] == "accepted"
    outcomes: dict[str, str] = {}
    async with asyncio.timeout(60):
        while not set(ids) <= set(outcomes):
            outcome = json.loads((await told.next_msg(timeout=60)).data)
            outcomes[outcome["command_id"]] = outcome["status"]
    await told.unsubscribe()
    assert {outcomes[one] for one in ids} == {"accepted" if routable else "refused"}
    for person_id in people:
        assert await persons.sequences(person_id) == ([1] if routable else [])


async def _publish_raw(servers: Endpoints, subject: str, reply_to: bytes, payload: bytes) -> None:
    """Publish with a header that no client library would write."""
    address = urlsplit(servers.nats_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        await reader.readline()
        header = b"NATS/1.0\r\nPerson-Reply-To: " + reply_to + b"\r\n\r\n"
        writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n')
        writer.write(
            b"HPUB %b %d %d\r\n%b%b\r\n" % (subject.encode(), len(header), len(header) + len(payload), header, payload)
        )
        writer.write(b"PING\r\n")
        assert await reader.readline() == b"PONG\r\n"
    finally:
        writer.close()
        await writer.wait_closed()
