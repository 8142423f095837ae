"""Running workers translate what neighbouring domains say: into commands of persons, signals for sagas, dead letters, or nothing."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from bridge import read
from bridge.streams import ensure_stream
from config import streams
from domain.ids import derive
from ops.client import CommandMessage, PersonClient, QueryFailed
from ops.workers import Worker

WITHIN_S = 20.0


class Neighbours:
    """What other domains publish, and what the test sees of the persons."""

    def __init__(self, nc: Client, client: PersonClient) -> None:
        self.nc = nc
        self.client = client

    async def say(self, event_type: str, data: dict[str, Any], **members: Any) -> str:
        """Publish an event as its domain would, with a member that nobody here knows; returns its id."""
        event_id: str = members.pop("id", None) or str(uuid.uuid4())
        domain, _, name = event_type.partition(".")
        body = {
            "specversion": "1.0",
            "id": event_id,
            "type": event_type,
            "source": f"/{domain}",
            "data": {**data, "colour": "green"},
            "weather": ["fine"],
            **members,
        }
        await self.store(f"{domain}.events.{name}", orjson.dumps(body))
        return event_id

    async def store(self, subject: str, data: bytes) -> None:
        """Publish bytes."""
        reply = orjson.loads((await self.nc.request(subject, data, timeout=30)).data)
        assert "error" not in reply, reply

    async def person(self, **data: Any) -> str:
        """A new person."""
        created = await self.client.send(
            CommandMessage("person.commands.create", {"name": {"given_names": ["Ada"]}, "source": "test", **data})
        )
        person_id: str = created["person_id"]
        return person_id

    async def relations(self, person_id: str) -> Any:
        """The links of a person now."""
        asked = {"person_id": person_id, "include": ["summary", "relations", "components"]}
        return (await self.client.query("get_by_id", asked))["data"]

    async def linked(self, key: str) -> list[str]:
        """Who is linked by a key of projection links."""
        reply = await self.client.query("get_projection", {"projection": "links", "keys": [key]})
        return [person_id for row in reply["data"] for person_id in row["person_ids"]]

    async def letters(self, marker: str) -> list[tuple[str, str, str]]:
        """Consumer, cause and reason of the dead letters whose bytes hold a text."""
        found = []
        async for message in read.messages(self.nc, streams.DEAD_LETTERS, "person.dlq.>"):
            if marker.encode() in message.data:
                letter = await self.nc.jetstream().get_msg(streams.DEAD_LETTERS, message.stream_sequence)
                _, _, consumer, cause, _, _ = message.subject.split(".")
                found.append((consumer, cause, (letter.headers or {})["Dead-Letter-Reason"]))
        return found

    async def outcome(self, command_id: str) -> Any:
        """The outcome of a command, None before it has one."""
        try:
            return (await self.client.query("get_outcome", {"command_id": command_id}))["data"]
        except QueryFailed:
            return None


@pytest.fixture
async def neighbours(team: list[Worker], nc: Client, client: PersonClient) -> Neighbours:
    """The streams of the neighbours appear while the workers run."""
    for declared in streams.neighbour_streams(1):
        await ensure_stream(nc, declared)
    return Neighbours(nc, client)


async def until(condition: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Wait until a question has an answer."""
    deadline = time.monotonic() + WITHIN_S
    while (found := await condition()) != wanted:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)


async def test_what_neighbours_say_becomes_links_and_components_of_the_person(neighbours: Neighbours) -> None:
    ada, say = await neighbours.person(), neighbours.say
    own = f"{uuid.uuid4().hex[:12]}"

    await say("identity.verified", {"identity_id": f"i-{own}", "level": "Document", "person_id": ada})
    await say("location.person_associated", {"location_id": f"l-{own}", "usage": "Business", "person_id": ada})
    joined = {"organization_id": f"o-{own}", "role": "Analyst", "start_date": "2024-01-01", "person_id": ada}
    twice = await say("organization.person_joined", joined)
    await say("organization.person_joined", joined, id=twice)
    await say("agent.assigned_to_person", {"agent_id": f"a-{own}", "type": "Help desk", "person_id": ada})
    await say("git.author_identified", {"username": f"Ada-{own}", "repositories": 3, "person_id": ada})
    await until(lambda: neighbours.linked(f"git:GitHub/ADA-{own}"), [ada])
    # It names nobody: the person is found by the account.
    await say(
        "git.contributions_calculated",
        {"username": f"ada-{own}", "languages": [{"name": "Rust", "percentage": 70, "lines": 6000}], "commits": 9},
    )

    async def shown() -> Any:
        found = await neighbours.relations(ada)
        links, summary = found["relations"], found["summary"]
        return (
            [one["identity_id"] for one in links["identities"]],
            summary["identity_level"],
            [(one["location_id"], one["location_type"]) for one in links["locations"]],
            [(one["organization_id"], one["role"]) for one in links["employments"]],
            [one["agent_id"] for one in links["agents"]],
            sorted(
                (one["component_type"], one["data"].get("contributions"), one["data"].get("proficiency"))
                for one in found["components"]
            ),
        )

    await until(
        shown,
        (
            [f"i-{own}"],
            "Document",
            [(f"l-{own}", "Work")],
            [(f"o-{own}", "Analyst")],
            [f"a-{own}"],
            [("GitProfile", 9, None), ("Skill", None, "Advanced")],
        ),
    )
    for key in (f"identity:i-{own}", f"location:l-{own}", f"organization:o-{own}", f"agent:a-{own}"):
        await until(lambda key=key: neighbours.linked(key), [ada])  # type: ignore[misc]
    # Without languages, the git domain was asked; the id says for which event.
    asked = [
        orjson.loads(message.data)
        async for message in read.messages(neighbours.nc, streams.OUTBOUND, "git.commands.analyze_contributions")
    ]
    assert [one["data"]["username"] for one in asked if one["subject"] == ada] == [f"Ada-{own}"]

    await say("organization.person_left", {"organization_id": f"o-{own}", "end_date": "2025-01-31", "person_id": ada})
    await until(lambda: neighbours.linked(f"organization:o-{own}"), [])
    refused = await neighbours.outcome(
        derive(await say("identity.unlinked", {"identity_id": "i-other", "person_id": ada}), "person/unlink_identity/0")
    )
    assert refused is None or refused["code"] == "relation_not_found"


async def test_an_event_of_many_reaches_everybody_who_is_linked_also_through_a_merge(neighbours: Neighbours) -> None:
    own = uuid.uuid4().hex[:12]
    staff = [await neighbours.person() for _ in range(3)]
    kept = await neighbours.person()
    client = neighbours.client
    for person_id in staff:
        await client.send(
            CommandMessage(
                "person.commands.relationship.add_employment",
                {"organization_id": f"o-{own}", "role": "Clerk"},
                person_id,
            )
        )
    moved = await client.send(
        CommandMessage(
            "person.commands.merge", {"target_person_id": kept, "merge_reason": "DuplicateIdentity"}, staff[2]
        )
    )
    assert moved["status"] == "accepted", moved
    # Everything that is committed counts, so this needs no waiting for an index.
    await until(lambda: neighbours.linked(f"organization:o-{own}"), sorted([*staff[:2], kept]))

    async def employed() -> int:
        found = [(await neighbours.relations(one))["relations"]["employments"] for one in (*staff[:2], kept)]
        return sum(len(one) for one in found)

    # The saga of the merge hands the post over to the target.
    await until(employed, 3)
    event_id = await neighbours.say("organization.dissolved", {"organization_id": f"o-{own}"})

    await until(lambda: neighbours.linked(f"organization:o-{own}"), [])
    for person_id in (*staff[:2], kept):
        outcome = await neighbours.outcome(derive(event_id, f"person/end_employment/{person_id}"))
        assert outcome["status"] == "accepted", outcome


async def test_what_is_broken_or_about_nobody_is_a_dead_letter_and_others_go_on(neighbours: Neighbours) -> None:
    ada, own = await neighbours.person(), uuid.uuid4().hex
    say = neighbours.say

    await neighbours.store("identity.events.verified", f'{{"broken": "{own}"'.encode())
    await neighbours.store("git.events.x", b'["' + own.encode() + b'"]')
    await say("identity.verified", {"identity_id": own, "level": "Certainly", "person_id": ada})
    await say("identity.verified", {"identity_id": own, "level": "Email", "person_id": "nobody"})
    await say("agent.interaction_completed", {"agent_id": own})
    await say("organization.person_joined", {"organization_id": own, "role": "x" * 500, "person_id": ada})
    await say("location.person_disassociated", {"location_id": own})
    await say("organization.created", {"organization_id": own})
    await say("identity.seen_on_the_moon", {"identity_id": own})
    await say("agent.rejected", {"note": own})
    await say("git.commit_analyzed", {"username": "ada", "person_id": ada, "note": own})

    async def letters() -> Any:
        return sorted(await neighbours.letters(own))

    await until(
        letters,
        [
            ("git", "undecodable", "$: object"),
            ("identity", "undecodable", "$: json"),
            ("translate_agent", "unresolved_person", "no persons are linked by kind agent"),
            ("translate_identity", "undecodable", "data.level: word"),
            ("translate_identity", "undecodable", "data.person_id: uuid"),
            ("translate_location", "unresolved_person", "the event names no person"),
            ("translate_organization", "undecodable", "data.role: label_length"),
        ],
    )
    assert not any(own in reason or ada in reason for _, _, reason in await letters())


async def test_an_answer_to_a_saga_becomes_a_signal_with_ids_alone(neighbours: Neighbours) -> None:
    ada, saga_id = await neighbours.person(), str(uuid.uuid4())
    event_id = await neighbours.say(
        "location.undone", {"saga_id": saga_id, "person_id": ada, "location_id": "l-1", "note": "for Ada Lovelace"}
    )
    command_id = derive(event_id, "person/signal_saga/0")

    async def told() -> Any:
        outcome = await neighbours.outcome(command_id)
        return outcome and (outcome["status"], outcome.get("code"))

    await until(told, ("refused", "saga_not_found"))
    [signal] = [
        orjson.loads(message.data)
        async for message in read.messages(neighbours.nc, streams.COMMANDS, "person.commands.saga.signal")
        if command_id.encode() in message.data
    ]
    assert signal["data"] == {
        "signal": "location.undone",
        "data": {"saga_id": saga_id, "person_id": ada, "location_id": "l-1", "colour": "green"},
    }
    assert (signal["subject"], signal["partitionkey"], signal["actor"], signal["causationid"]) == (
        saga_id,
        ada,
        "adapter:location",
        event_id,
    )
