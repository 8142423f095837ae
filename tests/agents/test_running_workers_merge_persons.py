"""Two running workers merge two persons of different partitions, and the target takes over what the source had. Of two that are merged into
each other at the same moment, one stays."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from domain.ids import NS, derive
from ops.client import CommandMessage, PersonClient, QueryFailed

MUTUAL = 10
"""Pairs of persons that are merged into each other at the same moment."""


async def send(
    client: PersonClient, kind: str, data: dict[str, Any], person_id: str | None = None, **fields: Any
) -> Any:
    return await client.send(CommandMessage(f"person.commands.{kind}", data, person_id, **fields))


async def create(client: PersonClient, name: str, *, not_in: int | None = None) -> tuple[str, int]:
    """A new person, of another partition if one is given: its id and its partition."""
    while True:
        outcome = await send(client, "create", {"name": {"given_names": [name]}, "source": "test"})
        if outcome["position"]["partition"] != not_in:
            return outcome["person_id"], outcome["position"]["partition"]


async def add(client: PersonClient, person_id: str, component_type: str, data: dict[str, Any]) -> Any:
    outcome = await send(client, "component.add", {"component_type": component_type, "data": data}, person_id)
    assert outcome["status"] == "accepted", outcome
    return derive(outcome["command_id"], "component:0")


async def absorbed_by_the_saga(client: PersonClient, source: str) -> Any:
    """The outcome of the command by which the saga of the merge lets the target take over."""
    command_id = derive(derive(NS, f"saga:merge:{source}"), "absorb/do/1/0")
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(QueryFailed):
                return (await client.query("get_outcome", {"command_id": command_id}))["data"]
            await asyncio.sleep(0.05)


async def test_persons_of_different_partitions_are_merged_and_absorbed(client: PersonClient) -> None:
    target, partition = await create(client, "Ada")
    source, _ = await create(client, "Ada", not_in=partition)
    same = {"email": {"address": "ada@example.org"}}
    held = await add(client, target, "EmailAddress", same)
    twice = await add(client, source, "EmailAddress", same)
    languages = [{"language": "Rust", "lines": 9000}, "Zig"]
    forge = await add(client, source, "GitProfile", {"username": "ada", "languages": languages})
    analyzed = await send(client, "skills.analyze", {}, source)
    assert [event["type"] for event in analyzed["events"]] == [
        *["person.component_added"] * 2,
        "person.skills_analyzed",
    ]

    merge = {"target_person_id": target, "merge_reason": "DuplicateIdentity"}
    lying = await send(client, "merge", {**merge, "target": {"exists": True, "status": "Active"}}, source)
    assert (lying["code"], lying["facts"]["field"]) == ("invalid_command", "data.target")
    unfit = await send(client, "merge", {**merge, "target_person_id": derive(source, "nobody")}, source)
    assert unfit["code"] == "merge_target_unfit"
    merged = await send(client, "merge", merge, source)
    assert merged["status"] == "accepted", merged
    after = await send(client, "lifecycle.suspend", {"reason": "late"}, source)
    assert (after["code"], after["facts"]) == ("merged_away", {"target": target})

    absorb = {"source_person_id": source, "source_version": merged["version"]}
    by_a_user = await send(client, "lifecycle.absorb", absorb, target)
    assert by_a_user["code"] == "forbidden"
    absorbed = await absorbed_by_the_saga(client, source)
    assert absorbed["status"] == "accepted", absorbed
    again = await send(client, "lifecycle.absorb", absorb, target, actor="saga:test")
    assert again["code"] == "already_absorbed"

    def copy(component_id: str) -> str:
        return derive(absorbed["command_id"], f"absorb:{component_id}")

    skills = [derive(analyzed["command_id"], f"skill:{name}") for name in ("rust", "zig")]
    asked = {"person_id": target, "include": ["components"], "min_position": absorbed["position"], "timeout_ms": 5000}
    components = (await client.query("get_by_id", asked))["data"]["components"]
    assert {one["component_id"] for one in components} == {held, *map(copy, [forge, *skills])}
    assert copy(twice) not in str(components)
    origins = {one["provenance"]["kind"]: one["provenance"] for one in components}
    assert origins["Absorbed"]["source_person_id"] == source

    # What was absorbed is analysed like the person's own: nothing is found twice.
    once_more = await send(client, "skills.analyze", {"component_id": copy(forge)}, target)
    assert [event["type"] for event in once_more["events"]] == ["person.skills_analyzed"]


async def test_persons_that_are_merged_into_each_other_at_the_same_moment_are_merged_once(client: PersonClient) -> None:
    async def both_ways() -> tuple[str, str, Any, Any]:
        ada, partition = await create(client, "Ada")
        grace, _ = await create(client, "Grace", not_in=partition)
        reason = {"merge_reason": "DuplicateIdentity"}
        outcomes = await asyncio.gather(
            send(client, "merge", {**reason, "target_person_id": grace}, ada),
            send(client, "merge", {**reason, "target_person_id": ada}, grace),
        )
        return ada, grace, *outcomes

    for ada, grace, of_ada, of_grace in await asyncio.gather(*(both_ways() for _ in range(MUTUAL))):
        merged, source, target = (of_ada, ada, grace) if of_ada["status"] == "accepted" else (of_grace, grace, ada)
        other = of_grace if merged is of_ada else of_ada
        assert merged["status"] == "accepted", (of_ada, of_grace)
        assert other["code"] in ("merge_target_unfit", "conflict"), other
        absorbed = await absorbed_by_the_saga(client, source)
        assert (absorbed["status"], absorbed["person_id"]) == ("accepted", target)
