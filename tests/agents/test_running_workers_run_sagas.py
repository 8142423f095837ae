"""Running workers lead sagas from their first event to their end: what they ask of others, what they wait for, and how they undo."""

from __future__ import annotations

import asyncio
import uuid
from itertools import pairwise
from typing import Any

import orjson

from agents.timers import set_subject
from bridge import read
from config import streams
from domain.ids import derive, saga_id_of
from ops.client import CommandMessage, PersonClient
from tests.agents.saga_watch import (
    ends,
    names,
    onboarding_of,
    outbound,
    saga_events,
    until_outbound,
    until_saga,
)

IDENTITY = {"identity_id": "i-1", "identity_type": "passport", "verification_level": "Document"}
LOCATION = {"location_id": "l-1", "location_type": "Residence"}
BASIC = {"email": {"email": {"address": "ada@example.org"}}, "phone": {"phone": {"number": "+49301234567"}}}
DOMAINS = ("identity", "organization", "location", "git", "agent")


async def test_an_onboarding_asks_the_domains_waits_for_people_and_completes_the_person(client: PersonClient) -> None:
    nc = client.nc
    person_id = await created(client, onboarding=True)
    saga_id = onboarding_of(person_id)

    asked = await until_outbound(nc, "identity.commands.request_verification", person_id)
    assert asked["data"] == {"saga_id": saga_id, "saga_step": "IdentityStep", "person_id": person_id}
    assert await read.last_message(nc, streams.TIMERS, set_subject(person_id, saga_id)) is not None
    assert (await send(client, person_id, "onboarding.verify_identity", IDENTITY))["status"] == "accepted"
    await until_outbound(nc, "location.commands.request_assignment", person_id)
    await send(client, person_id, "onboarding.assign_location", LOCATION)
    await send(client, person_id, "onboarding.provide_basic_info", BASIC)
    await send(client, person_id, "onboarding.provide_components", {"components": []})
    events = await until_saga(nc, saga_id, ends("completed"))

    assert names(events) == [
        "started",
        *[
            f"step_{what} {step}"
            for step in ("IdentityStep", "LocationStep", "BasicInfoStep", "ComponentsStep", "CompletionStep")
            for what in ("started", "completed")
        ],
        "completed",
    ]
    assert [event["sequence"] for event in events] == list(range(1, 13))
    assert len(await outbound(nc, "identity.commands.*", person_id)) == 1
    assert (await client.query("get_by_id", {"person_id": person_id}))["data"]["status"] == "Active"
    # Nothing is left to become due.
    await until(
        lambda: read.last_message(nc, streams.TIMERS, set_subject(person_id, saga_id)), holds=lambda found: not found
    )


async def test_a_failed_onboarding_is_undone_in_reverse_and_the_next_run_has_a_saga_of_its_own(
    client: PersonClient,
) -> None:
    nc = client.nc
    person_id = await created(client, onboarding=True)
    await send(client, person_id, "onboarding.verify_identity", IDENTITY)
    await send(client, person_id, "onboarding.assign_location", LOCATION)
    await until_saga(nc, onboarding_of(person_id), lambda events: "step_started BasicInfoStep" in names(events))

    await send(client, person_id, "onboarding.fail", {"reason": "no answer"})
    events = await until_saga(nc, onboarding_of(person_id), ends("compensated"))

    assert [name for name in names(events) if "compensat" in name] == [
        "compensation_started",
        "step_compensated LocationStep",
        "step_compensated IdentityStep",
        "compensated",
    ]
    unlinked = await until_outbound(nc, "identity.commands.unlink_person", person_id)
    assert unlinked["data"]["identity_id"] == "i-1"
    await until_outbound(nc, "location.commands.disassociate_person", person_id)
    assert (await send(client, person_id, "onboarding.start", {}))["status"] == "accepted"
    await until_saga(nc, onboarding_of(person_id, 2), lambda events: "step_started IdentityStep" in names(events))

    # Cancelled by an operator: the saga tells the person, and undoes nothing where nothing was done.
    cancelled = await ask(client, "cancel", person_id, onboarding_of(person_id, 2), {"reason": "asked twice"})
    assert (cancelled["status"], cancelled["events"][0]["type"]) == ("accepted", "person.saga.step_failed")
    events = await until_saga(nc, onboarding_of(person_id, 2), ends("compensated"))
    [failed] = [one for one in events if one["id"] == cancelled["events"][0]["id"]]
    assert (failed["data"]["cause"], failed["actor"], failed["data"]["reason"]) == (
        "cancelled",
        "user:cli",
        "asked twice",
    )
    again = await ask(client, "cancel", person_id, onboarding_of(person_id, 2), {"reason": "asked twice"})
    assert (again["code"], again["facts"]["status"]) == ("saga_transition", "Compensated")


async def test_a_sync_of_three_domains_that_one_rejects_leaves_nothing_behind(client: PersonClient) -> None:
    nc = client.nc
    person_id = await created(client)
    sync = {
        "saga": "cross_domain_sync",
        "key": "k-1",
        "data": {
            "identity": {"identity_id": "i-2", "identity_type": "passport"},
            "location": {"location_id": "l-2", "location_type": "Work"},
        },
    }
    saga_id = saga_id_of(f"cross_domain_sync:{person_id}:k-1")
    start = CommandMessage("person.commands.saga.start", sync, person_id).with_id()
    first = await client.send(start)
    assert (first["status"], [one["type"] for one in first["events"]]) == (
        "accepted",
        ["person.saga.started", "person.saga.step_started"],
    )
    assert await client.send(start) == first
    assert (await client.send(CommandMessage("person.commands.saga.start", sync, person_id)))["code"] == "saga_exists"

    await until_outbound(nc, "identity.commands.link_person", person_id)
    await send(client, person_id, "relationship.link_identity", {"identity_id": "i-2", "identity_type": "passport"})
    await until_outbound(nc, "location.commands.associate_person", person_id)
    rejected = {"signal": "location.rejected", "data": {"person_id": person_id, "code": "full"}}
    assert (await ask(client, "signal", person_id, saga_id, rejected, actor="adapter:location"))["status"] == "accepted"
    # What was rejected has had no effect; what was done before is undone.
    await until_outbound(nc, "identity.commands.unlink_person", person_id)
    undone = {"signal": "identity.undone", "data": {"person_id": person_id}}
    await ask(client, "signal", person_id, saga_id, undone, actor="adapter:identity")
    events = await until_saga(nc, saga_id, ends("compensated"))

    assert names(events)[-4:] == [
        "compensation_started",
        "step_started identity",
        "step_compensated identity",
        "compensated",
    ]
    assert await outbound(nc, "location.commands.disassociate_person", person_id) == []


async def test_the_target_of_a_merge_absorbs_and_every_domain_follows(client: PersonClient) -> None:
    nc = client.nc
    source, target = await asyncio.gather(created(client), created(client))
    saga_id = saga_id_of(f"merge:{source}")
    merged = await send(client, source, "merge", {"target_person_id": target, "merge_reason": "DuplicateIdentity"})
    assert merged["status"] == "accepted", merged

    for domain in DOMAINS:
        asked = await until_outbound(nc, f"{domain}.commands.reassign_person", source)
        assert (asked["data"]["from_person_id"], asked["data"]["to_person_id"]) == (source, target)
        answer = {"signal": f"{domain}.person_reassigned", "data": {"person_id": source}}
        # Neighbours say some things twice.
        for _ in range(2):
            await ask(client, "signal", source, saga_id, answer, actor=f"adapter:{domain}")
    events = await until_saga(nc, saga_id, ends("completed"))

    assert [name for name in names(events) if "completed " in name] == [
        "step_completed absorb",
        *[f"step_completed reassign_{domain}" for domain in DOMAINS],
    ]
    absorbed = await read.last_message(nc, streams.EVENTS, f"person.events.lifecycle.absorbed.*.{target}")
    assert absorbed is not None
    assert orjson.loads(absorbed.data)["data"]["context"]["saga_id"] == saga_id


async def test_an_erasure_takes_along_whom_the_person_has_absorbed_and_whom_they_had(client: PersonClient) -> None:
    nc = client.nc
    persons = list(await asyncio.gather(created(client), created(client), created(client)))
    target = persons[-1]
    for source, into in pairwise(persons):
        await send(client, source, "merge", {"target_person_id": into, "merge_reason": "DuplicateIdentity"})
        await until(
            lambda into=into: read.last_message(nc, streams.EVENTS, f"person.events.lifecycle.absorbed.*.{into}"),
            holds=lambda found: found is not None,
        )
    requested = await send(
        client, target, "privacy.request_erasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 0}
    )
    request_id = derive(requested["command_id"], "erasure")
    saga_id = saga_id_of(f"erasure:{target}:{request_id}")

    for domain in DOMAINS:
        for person_id in persons:
            asked = await until_outbound(nc, f"{domain}.commands.forget_person", person_id)
            assert asked["data"].get("saga_person_id", target) == target
            answer = {"signal": f"{domain}.person_forgotten", "data": {"person_id": person_id}}
            await ask(client, "signal", target, saga_id, answer, actor=f"adapter:{domain}")
    events = await until_saga(nc, saga_id, ends("completed"))

    confirmed = next(one for one in events if one["data"].get("step") == "confirm" and "result" in one["data"])
    assert confirmed["data"]["result"] == {"persons": list(reversed(persons))}
    for person_id in persons:
        erased = await read.last_message(nc, streams.EVENTS, f"person.events.privacy.erased.*.{person_id}")
        assert erased is not None
    assert len(events[-1]["data"]["receipts"]) == len(DOMAINS) * len(persons)


async def test_operators_skip_abort_and_are_told_what_is_not_possible(client: PersonClient) -> None:
    nc = client.nc
    person_id = await created(client)
    start = {"saga": "archival", "data": {"cause": "Archived"}}
    await client.send(CommandMessage("person.commands.saga.start", start, person_id))
    saga_id = saga_id_of(f"archival:{person_id}")
    why = {"reason": "done by hand"}

    skipped = await ask(client, "skip", person_id, saga_id, {"step": "release_organization", **why})
    assert (skipped["status"], skipped["events"][0]["type"]) == ("accepted", "person.saga.skipped")
    wrong = await ask(client, "skip", person_id, saga_id, {"step": "release_git", **why})
    assert (wrong["code"], wrong["facts"]["step"]) == ("saga_transition", "release_location")
    assert (await ask(client, "retry", person_id, saga_id, why))["code"] == "saga_transition"
    assert (await ask(client, "abort", person_id, saga_id, why))["status"] == "accepted"
    assert (await ask(client, "retry", person_id, saga_id, why))["code"] == "saga_transition"
    unknown = await ask(client, "abort", person_id, str(uuid.uuid4()), why)
    assert (unknown["status"], unknown["code"]) == ("refused", "saga_not_found")
    events = await saga_events(nc, saga_id)

    assert names(events)[-2:] == ["step_started release_location", "failed release_location"]
    last = events[-1]["data"]
    assert (last["abandoned"], last["by"], last["reason"]) == (True, "user:cli", "done by hand")


async def test_what_is_no_saga_event_or_no_timer_is_a_dead_letter_and_the_lanes_go_on(client: PersonClient) -> None:
    nc = client.nc
    person_id = await created(client)
    saga_id = str(uuid.uuid4())
    broken = [
        (f"person.sagas.onboarding.started.{person_id}.{saga_id}", "fold_sagas"),
        (f"person.timers.due.{person_id}.{saga_id}", "fire_timers"),
        (f"person.timers.due.nobody.{saga_id}", "timers"),
    ]
    for subject, _ in broken:
        assert "error" not in orjson.loads((await nc.request(subject, saga_id.encode(), timeout=30)).data)

    async def buried() -> set[str]:
        letters = read.messages(nc, streams.DEAD_LETTERS, "person.dlq.>")
        return {one.subject.split(".")[2] async for one in letters if one.data == saga_id.encode()}

    await until(buried, holds=lambda found: found == {consumer for _, consumer in broken})
    # The partition of the person goes on.
    start = {"saga": "archival", "data": {"cause": "Archived"}}
    await client.send(CommandMessage("person.commands.saga.start", start, person_id))
    await until_outbound(nc, "organization.commands.release_person", person_id)


async def created(client: PersonClient, *, onboarding: bool = False) -> str:
    """A new person."""
    data = {"name": {"given_names": ["Ada"]}, "source": "test", "onboarding": onboarding}
    outcome = await client.send(CommandMessage("person.commands.create", data))
    assert outcome["status"] == "accepted", outcome
    person_id: str = outcome["person_id"]
    return person_id


async def send(client: PersonClient, person_id: str, kind: str, data: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The outcome of a command of a person."""
    return await client.send(CommandMessage(f"person.commands.{kind}", data, person_id, **fields))


async def ask(
    client: PersonClient, verb: str, person_id: str, saga_id: str, data: dict[str, Any], **fields: Any
) -> dict[str, Any]:
    """The outcome of a command on a saga."""
    message = CommandMessage(f"person.commands.saga.{verb}", data, person_id, target=saga_id, **fields)
    return await client.send(message)


async def until(look: Any, *, holds: Any) -> None:
    """Wait until what is seen fits."""
    async with asyncio.timeout(20):
        while not holds(await look()):  # noqa: ASYNC110  # streams are asked, they tell nobody
            await asyncio.sleep(0.05)
