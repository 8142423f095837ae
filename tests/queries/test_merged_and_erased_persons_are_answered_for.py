"""What each question says of persons that are merged, suspended or erased, in whatever partition they are."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import orjson
import pytest

from domain.ids import NS, derive
from ops.client import CommandMessage, PersonClient, QueryFailed

pytestmark = pytest.mark.slow


async def sent(client: PersonClient, kind: str, person_id: str | None, /, actor: str = "user:test", **data: Any) -> Any:
    outcome = await client.send(CommandMessage(f"person.commands.{kind}", data, person_id, actor=actor), timeout_s=30)
    assert outcome["status"] == "accepted", outcome
    return outcome


async def created(client: PersonClient, name: str) -> Any:
    return await sent(client, "create", None, name={"given_names": [name]}, source="test")


async def outcome_of(client: PersonClient, command_id: str) -> Any:
    """The outcome of a command of a saga, once there is one."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(QueryFailed):
                return (await client.query("get_outcome", {"command_id": command_id}))["data"]
            await asyncio.sleep(0.05)


async def refused(client: PersonClient, endpoint: str, **request: Any) -> tuple[str, str | None]:
    with pytest.raises(QueryFailed) as failed:
        await client.query(endpoint, request, timeout_ms=9000)
    return failed.value.code, failed.value.facts.get("field")


async def test_a_merged_person_is_answered_for_by_whom_it_was_merged_into(client: PersonClient) -> None:
    first, second, target = [await created(client, name) for name in ("First", "Second", "Target")]
    one, two, three = (outcome["person_id"] for outcome in (first, second, target))
    skill = {"name": "COBOL", "category": "Technical", "proficiency": "Expert"}
    await sent(client, "component.add", one, component_type="Skill", data=skill)
    email = {"email": {"address": "target@example.org"}}
    await sent(client, "component.add", three, component_type="EmailAddress", data=email)
    merges = []
    for source, into in ((one, two), (two, three)):
        done = await sent(client, "merge", source, target_person_id=into, merge_reason="DuplicateIdentity")
        version = done["version"]
        taken = await sent(
            client, "lifecycle.absorb", into, actor="saga:test", source_person_id=source, source_version=version
        )
        merges += [done, taken]
    seen = {"min_position": [outcome["position"] for outcome in merges], "timeout_ms": 9000}

    person, own = [await client.query("get_by_id", {"person_id": id_, **seen}) for id_ in (one, three)]
    assert person["redirected_from"] == one
    assert person["data"] == own["data"]
    assert person["data"]["summary"]["display_name"] == "Target"
    assert "redirected_from" not in own

    skills = await client.query("get_skills", {"person_id": one, **seen})
    assert [held["name"] for held in skills["data"]["skills"]] == ["COBOL"]
    for projection in ("summary", "search", "network", "views"):
        rows = await client.query("get_projection", {"projection": projection, "key": one, **seen})
        assert (rows["redirected_from"], [row["person_id"] for row in rows["data"]]) == (one, [three]), projection
    many = await client.query("get_projection", {"projection": "summary", "keys": [one, two, three], **seen})
    assert [row["person_id"] for row in many["data"]] == [three]
    assert sorted(many["redirected_from"]) == sorted([one, two])
    contact = {"projection": "views", "key": one, "view": "contact", **seen}
    assert (await client.query("get_projection", contact))["data"][0]["emails"] == ["target@example.org"]

    timeline = await client.query("get_timeline", {"person_id": one, "order": "asc", **seen})
    assert timeline["redirected_from"] == one
    assert {entry["person_id"] for entry in timeline["data"]} == {one, two, three}
    for person_id in (one, two, three):
        sequences = [entry["sequence"] for entry in timeline["data"] if entry["person_id"] == person_id]
        assert sequences == sorted(sequences)
    # What a saga does bears the time of its cause, and may stand behind what is younger.
    timely = [entry for entry in timeline["data"] if entry["actor"] != "saga:merge"]
    assert timely == sorted(timely, key=lambda entry: (entry["at"], entry["person_id"], entry["sequence"]))
    only = await client.query("get_timeline", {"person_id": three, "include_absorbed": False, **seen})
    assert {entry["person_id"] for entry in only["data"]} == {three}

    then = await client.query("get_by_id", {"person_id": one, "as_of_sequence": 1, **seen})
    assert (then["data"]["summary"]["display_name"], then["data"]["status"]) == ("First", "Active")
    events = await client.query("get_events", {"person_id": one, **seen})
    assert events["data"][-1]["events"][0]["type"] == "person.merged"
    chain = await client.query("get_chain", {"person_id": one, "verify": True, **seen})
    assert (chain["data"]["length"], chain["data"]["intact"]) == (len(events["data"]), True)


async def test_an_erased_person_is_gone_in_every_answer_that_could_show_it(client: PersonClient) -> None:
    person_id = (await created(client, "Erased"))["person_id"]
    asked = await sent(client, "privacy.request_erasure", person_id, legal_basis="DataSubjectRequest", grace_hours=0)
    saga_id = derive(NS, f"saga:erasure:{person_id}:{derive(asked['command_id'], 'erasure')}")
    erased = await outcome_of(client, derive(saga_id, "confirm/do/1/0"))
    assert erased["status"] == "accepted", erased
    seen = {"min_position": erased["position"], "person_id": person_id}

    for endpoint in ("get_by_id", "get_timeline", "get_skills", "get_events"):
        assert await refused(client, endpoint, **seen) == ("gone", "person_id"), endpoint
    assert await refused(client, "get_by_id", **seen, as_of_sequence=1) == ("gone", "person_id")
    key = {"projection": "summary", "key": person_id, "min_position": erased["position"]}
    assert await refused(client, "get_projection", **key) == ("gone", "key")
    chain = await client.query("get_chain", {**seen, "verify": True})
    assert chain["data"]["intact"] is True


async def test_pages_of_a_view_stay_whole_while_persons_come_and_go(client: PersonClient) -> None:
    label = f"page-{id(client)}"

    async def tagged(name: str) -> Any:
        person_id = (await created(client, name))["person_id"]
        return await sent(client, "component.add", person_id, component_type="Tag", data={"label": label})

    outcomes = list(await asyncio.gather(*(tagged("Page") for _ in range(12))))
    asked: dict[str, Any] = {
        "view": "contact",
        "filters": {"tag": label},
        "limit": 5,
        "timeout_ms": 9000,
    }
    seen = {"min_position": [outcome["position"] for outcome in outcomes]}
    expected = sorted(outcome["person_id"] for outcome in outcomes)
    first = await client.query("get_view", {**asked, **seen})
    assert [row["person_id"] for row in first["data"]] == expected[:5]
    assert first["page"]["limit"] == 5

    gone = await sent(client, "lifecycle.suspend", expected[1], reason="test")
    removed = await sent(client, "lifecycle.suspend", expected[7], reason="test")
    seen = {"min_position": [gone["position"], removed["position"]]}
    rows, cursor = [], first["page"].get("next")
    while cursor:
        page = await client.query("get_view", {**asked, **seen, "cursor": cursor})
        rows += [row["person_id"] for row in page["data"]]
        cursor = page["page"].get("next")

    assert rows == [person_id for person_id in expected[5:] if person_id != expected[7]]
    streamed = [row["person_id"] async for row in client.stream("get_view", {**asked, **seen}, window=1)]
    assert streamed == [person_id for person_id in expected if person_id not in (expected[1], expected[7])]
    suspended = {**asked, **seen, "filters": {"tag": label, "status": ["Suspended"]}}
    assert [row["person_id"] for row in (await client.query("get_view", suspended))["data"]] == [
        expected[1],
        expected[7],
    ]
    other = {**asked, "cursor": first["page"]["next"], "filters": {"tag": "another"}}
    assert (await refused(client, "get_view", **other))[0] == "cursor_expired"


async def test_days_and_totals_count_the_events_of_all_partitions(client: PersonClient) -> None:
    before = (await client.query("get_statistics", {"group": "total"}))["data"]
    outcomes = [await created(client, "Counted") for _ in range(6)]
    seen = {"min_position": [outcome["position"] for outcome in outcomes], "timeout_ms": 9000}

    after = (await client.query("get_statistics", {"group": "total", **seen}))["data"]
    days = (await client.query("get_statistics", {**seen}))["data"]

    assert after["events_by_type"]["person.created"] - before["events_by_type"].get("person.created", 0) == 6
    assert after["status_delta"]["Active"] - before["status_delta"].get("Active", 0) == 6
    assert (
        sum(day["events_by_type"].get("person.created", 0) for day in days) == after["events_by_type"]["person.created"]
    )
    key = {"projection": "statistics", "key": days[-1]["day"], **seen}
    assert {row["day"] for row in (await client.query("get_projection", key))["data"]} == {days[-1]["day"]}
    assert await refused(client, "get_projection", projection="statistics", key="yesterday") == (
        "invalid_query",
        "request",
    )


async def test_a_correlation_is_a_tree_from_the_root_command(client: PersonClient) -> None:
    outcome = await created(client, "Correlated")
    asked = {"correlation_id": outcome["command_id"], "min_position": outcome["position"]}

    tree = (await client.query("get_correlation", asked))["data"]

    [root] = tree["messages"]
    assert (root["id"], root["kind"]) == (outcome["command_id"], "command")
    assert [(one["type"], one["id"]) for one in root["effects"]] == [
        (event["type"], event["id"]) for event in outcome["events"]
    ]
    assert tree["faults"] == []
    assert (await refused(client, "get_correlation", correlation_id=outcome["person_id"]))[0] == "not_found"


async def test_a_stream_of_events_is_made_as_slowly_as_it_is_read(client: PersonClient) -> None:
    person_id = (await created(client, "Slow Reader"))["person_id"]
    for number in range(220):
        verb = "suspend" if number % 2 == 0 else "reactivate"
        awaited = await client.publish(CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "x"}, person_id))
    last = await client.outcome(*awaited, timeout_s=30)
    asked = {"person_id": person_id, "min_position": last["position"], "timeout_ms": 9000}
    inbox = client.nc.new_inbox()
    replies = await client.nc.subscribe(inbox)
    await client.nc.publish(
        "person.queries.get_events",
        orjson.dumps({**asked, "stream": True}),
        reply=inbox,
        headers={"Person-Window": "1"},
    )

    first = await replies.next_msg(timeout=10)
    await asyncio.sleep(0.3)  # long enough for a worker that does not wait
    assert replies.pending_msgs == 0
    await replies.unsubscribe()
    await first.respond(b"")

    rows = [row async for row in client.stream("get_events", asked, window=2)]
    assert [row["sequence"] for row in rows] == list(range(1, 222))
    assert rows[0]["stored"].startswith("{")
    assert rows[3]["events"][0]["sequence"] == 4
    entries = [entry["sequence"] async for entry in client.stream("get_timeline", asked)]
    assert entries == list(range(221, 0, -1))
    later = await client.query("get_events", {**asked, "from_sequence": 100, "limit": 3})
    assert [row["sequence"] for row in later["data"]] == [100, 101, 102]
