"""Searching, skills and the network over the indexes of two workers: read your own writes, pages, merges, a worker that is silent."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from domain.partitions import partition_of
from ops.client import ClientError, CommandMessage, PersonClient, QueryFailed
from ops.workers import Worker

pytestmark = pytest.mark.slow

PARTITIONS = 8


async def sent(client: PersonClient, kind: str, person_id: str | None, /, actor: str = "user:test", **data: Any) -> Any:
    outcome = await client.send(CommandMessage(f"person.commands.{kind}", data, person_id, actor=actor), timeout_s=30)
    assert outcome["status"] == "accepted", outcome
    return outcome


async def created(client: PersonClient, *names: str, partition: int | None = None) -> Any:
    *given, family = names
    person_id = None if partition is None else person_of(partition)
    return await sent(client, "create", person_id, name={"given_names": given, "family_names": [family]}, source="test")


def person_of(partition: int) -> str:
    """The id of a person nobody knows yet, of a partition."""
    while partition_of(person_id := str(uuid.uuid4()), PARTITIONS) != partition:
        pass
    return person_id


async def added(client: PersonClient, person_id: str, component_type: str, **data: Any) -> Any:
    return await sent(client, "component.add", person_id, component_type=component_type, data=data)


def seen(*outcomes: Mapping[str, Any]) -> dict[str, Any]:
    return {"min_position": [outcome["position"] for outcome in outcomes], "timeout_ms": 9000}


def family_name() -> str:
    """A name that nobody else has in the shared installation."""
    return "Z" + "".join(random.choices("bcdfghjklmnpqrstvwxz", k=9))


def ids(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [row["person_id"] for row in rows]


async def test_a_search_finds_what_was_just_written_best_first_page_by_page(client: PersonClient) -> None:
    family = family_name()
    outcomes = await asyncio.gather(
        *(created(client, "Ada" if n < 5 else "Grace", family, partition=n % PARTITIONS) for n in range(24))
    )
    persons = [outcome["person_id"] for outcome in outcomes]
    assert {partition_of(person_id, PARTITIONS) for person_id in persons} == set(range(PARTITIONS))
    mail = await added(client, persons[9], "EmailAddress", email={"address": f"ada@{family.lower()}.example"})
    tagged = await added(client, persons[3], "Tag", label=f"vip {family}")
    every = seen(*outcomes, mail, tagged)

    everybody = await client.query("search", {"text": family, **every, "limit": 500})
    both = [persons[9], persons[3]]
    assert ids(everybody["data"]) == [persons[9], persons[3], *sorted({*persons} - {*both})]
    assert [hit["score"] for hit in everybody["data"][:3]] == [15, 11, 10]
    assert everybody["data"][0]["email"] == f"ada@{family.lower()}.example"
    assert len(everybody["position"]) == PARTITIONS
    assert "partial" not in everybody

    pages: list[str] = []
    request: dict[str, Any] = {"text": family[:6].upper(), "limit": 7}
    while True:
        page = await client.query("search", request, timeout_ms=9000)
        pages += ids(page["data"])
        if "next" not in page["page"]:
            break
        # What is added behind the first page stays behind it, what lies before it is not shown twice.
        renamed = await sent(
            client, "update", persons[20], name={"given_names": ["Zoe"] * (len(pages) // 7), "family_names": [family]}
        )
        request["cursor"] = page["page"]["next"]
    assert pages == ids(everybody["data"])
    streamed = [hit async for hit in client.stream("search", {"text": family})]
    assert ids(streamed) == pages

    ada = await client.query("search", {"text": f"ada {family}", "timeout_ms": 9000})
    assert {*ids(ada["data"])} == {*persons[:5], persons[9]}
    typed = family[:4] + family[5] + family[4] + family[6:]
    assert {*ids((await client.query("search", {"text": f"Grace {typed}", "timeout_ms": 9000}))["data"])} <= {*persons}
    begun = {"filters": {"name_prefix": f"grace {family[:5]}"}, **seen(renamed)}
    filtered = await client.query("search", begun)
    assert ids(filtered["data"]) == sorted({*persons[5:]} - {persons[20]})

    hidden = await sent(client, "lifecycle.suspend", persons[9], reason="test")
    text = {"text": family, "limit": 500, **seen(hidden)}
    assert persons[9] not in ids((await client.query("search", text))["data"])
    suspended = {**text, "filters": {"status": ["Suspended"]}}
    assert ids((await client.query("search", suspended))["data"]) == [persons[9]]
    with pytest.raises(QueryFailed) as failed:
        await client.query("search", {"text": family, "cursor": request["cursor"]})
    assert failed.value.code == "cursor_expired"


async def test_skills_are_found_and_recommended_over_all_partitions(client: PersonClient) -> None:
    one, two, three = (f"{family_name()} {number}" for number in ("One", "Two", "Three"))
    holdings = {"Ada": (one,), "Grace": (one, two), "Joan": (one, two, three), "Edsger": (two, three)}
    outcomes = {name: await created(client, name, "Skilled") for name in holdings}
    added_skills = [
        await added(
            client,
            outcomes[name]["person_id"],
            "Skill",
            name=skill,
            category="Technical",
            proficiency="Expert" if name == "Joan" else "Beginner",
        )
        for name, skills in holdings.items()
        for skill in skills
    ]
    every = seen(*added_skills)
    person = {name: outcome["person_id"] for name, outcome in outcomes.items()}

    found = await client.query("find_by_skill", {"skills": [one.upper(), two], **every})
    assert ids(found["data"]) == sorted([person["Grace"], person["Joan"]])
    assert [[skill["name"] for skill in row["skills"]] for row in found["data"]] == [sorted([one, two])] * 2
    either = {"skills": [one, two], "match": "any", "limit": 3, **every}
    first = await client.query("find_by_skill", either)
    rest = await client.query("find_by_skill", {**either, "cursor": first["page"]["next"]})
    assert ids([*first["data"], *rest["data"]]) == sorted(person.values())
    experts = await client.query("find_by_skill", {"skills": [two], "min_proficiency": "Advanced", **every})
    assert ids(experts["data"]) == [person["Joan"]]

    other = await client.query("recommend_skills", {"person_id": person["Ada"], **every})
    assert other["data"] == {
        "analyzed": [],
        "co_occurring": [
            {"name": two, "score": pytest.approx(2 / 3)},
            {"name": three, "score": pytest.approx(1 / 3)},
        ],
    }


async def test_the_network_of_a_person_leads_over_merges_in_any_order(client: PersonClient) -> None:
    names = ("Ada", "Grace", "Joan", "Old", "Edsger", "Far")
    outcomes = {name: await created(client, name, "Networked") for name in names}
    ada, grace, joan, old, edsger, far = (outcomes[name]["person_id"] for name in names)

    def tie(owner: str, other: str, strength: float, kind: str = "Colleague") -> Any:
        known = {"other_person_id": other, "relationship_type": kind, "strength": strength, "interaction_count": 1}
        return added(client, owner, "Relationship", **known)

    writes = [
        await tie(ada, grace, 0.9),
        await tie(ada, old, 0.4),
        await tie(ada, joan, 0.6),
        await tie(old, edsger, 0.8, "Mentor"),
        await tie(edsger, far, 1),
        await sent(client, "merge", old, target_person_id=joan, merge_reason="DuplicateIdentity"),
    ]
    writes.append(
        await sent(
            client,
            "lifecycle.absorb",
            joan,
            actor="saga:test",
            source_person_id=old,
            source_version=writes[-1]["version"],
        )
    )
    # Behind the merge, and still to the merged person.
    writes.append(await tie(grace, old, 0.3))
    every = seen(*writes, *outcomes.values())

    near = await client.query("get_network", {"person_id": ada, "metrics": True, **every})
    assert [(node["person_id"], node["distance"]) for node in near["data"]["nodes"]] == [
        (ada, 0),
        *sorted([(grace, 1), (joan, 1)]),
    ]
    edges = {(edge["owner"], edge["other"]): edge for edge in near["data"]["edges"]}
    assert edges.keys() == {(ada, grace), (ada, joan), (grace, joan)}
    assert (edges[ada, joan]["strength"], edges[ada, joan]["interaction_count"]) == (0.6, 2)
    assert near["data"]["metrics"]["total"] == 3
    assert near["data"]["metrics"]["clustering"] == 1

    of_old = await client.query("get_network", {"person_id": old, "direction": "in", **every})
    assert of_old["redirected_from"] == old
    assert {(edge["owner"], edge["other"]) for edge in of_old["data"]["edges"]} == {(ada, joan), (grace, joan)}

    path = await client.query("find_path", {"from": ada, "to": far, **every})
    assert [node["person_id"] for node in path["data"]["path"]] == [ada, joan, edsger, far]
    assert path["data"]["strength"] == pytest.approx(0.6 * 0.8 * 1)
    short = await client.query("find_path", {"from": far, "to": ada, "max_depth": 2, **every})
    assert short["data"] == {"path": [], "hops": None, "strength": None}

    hidden = await sent(client, "lifecycle.suspend", edsger, reason="test")
    without = await client.query("find_path", {"from": ada, "to": far, **seen(hidden)})
    assert without["data"]["path"] == []
    inactive = {"person_id": joan, "depth": 2, **seen(hidden)}
    assert edsger not in [node["person_id"] for node in (await client.query("get_network", inactive))["data"]["nodes"]]
    asked = await client.query("get_network", {**inactive, "include_inactive": True})
    assert {edsger, far} <= {node["person_id"] for node in asked["data"]["nodes"]}


async def test_a_worker_that_is_silent_makes_an_answer_partial(client: PersonClient, team: list[Worker]) -> None:
    family = family_name()
    outcomes = await asyncio.gather(*(created(client, "Silent", family) for _ in range(16)))
    persons = {outcome["person_id"] for outcome in outcomes}
    text = {"text": family, **seen(*outcomes)}
    assert {*ids((await client.query("search", text))["data"])} == persons
    stopped = team[1]
    partitions = stopped.page("/status")["partitions"]
    os.kill(stopped.process.pid, signal.SIGSTOP)
    try:
        # The queue group gives some of the questions to the worker that is stopped.
        asked = [client.query("search", {"text": family}, timeout_ms=400) for _ in range(12)]
        answers = [one for one in await asyncio.gather(*asked, return_exceptions=True) if isinstance(one, dict)]
    finally:
        os.kill(stopped.process.pid, signal.SIGCONT)

    assert answers
    for answer in answers:
        assert answer["partial"]
        assert answer["silent_partitions"] == sorted(partitions)
        assert {*ids(answer["data"])} == {one for one in persons if partition_of(one, PARTITIONS) not in partitions}
    async with asyncio.timeout(20):
        while True:
            try:
                again = await client.query("search", text)
            except (ClientError, QueryFailed):
                continue
            if "partial" not in again:
                break
    assert {*ids(again["data"])} == persons
