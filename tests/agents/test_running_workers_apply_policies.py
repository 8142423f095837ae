"""Two running workers with the shipped policies: what they do about persons, how fast a rule is in force, and what a kill changes: nothing."""

from __future__ import annotations

import asyncio
import itertools
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, UnknownMemberIdError
from nats.aio.client import Client

from agents.reading import EventLog
from bridge import read
from bridge.jetstream import api
from config import streams, topics
from domain.events import Event
from domain.ids import NS, derive
from domain.partitions import partition_of
from local.stack import Endpoints, Stack
from ops.client import CommandMessage, PersonClient
from ops.up import start_team, stop_team
from ops.workers import Worker
from tests.agents.policies import FLAG_QUALITY, deny_rule, name_policy
from tests.short_lived import kill_team, short_lived

PARTITIONS = 8
IN_FORCE_S = 2.0
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Endpoints, list[Worker]]]:
    """Servers and workers of this module alone: their policies concern everybody."""
    folder = tmp_path_factory.mktemp("policies")
    with short_lived(Stack(folder / "stack")) as stack:
        team = start_team(stack.endpoints, 2, folder)
        try:
            yield stack.endpoints, team
        finally:
            kill_team(team)


@pytest.fixture
def workers(installation: tuple[Endpoints, list[Worker]]) -> list[Worker]:
    return installation[1]


@pytest.fixture
async def asking(installation: tuple[Endpoints, list[Worker]]) -> Any:
    async with PersonClient(installation[0].nats_url) as client:
        yield client


async def test_the_shipped_policies_take_care_of_persons(asking: PersonClient) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=400)).isoformat().replace("+00:00", "Z")
    ada = await _created(asking, "Ada")
    short = await _created(asking, "A", family_names=["B"], naming_convention="Western")
    coder = await _created(asking, "Grace")
    gone = await _created(asking, "Carla", actor="import:hr", time=long_ago)

    for address in ("ada@example.org", "ada@example.com"):
        await _accepted(asking, ada, "component.add", component("EmailAddress", email={"address": address}))
    await _accepted(asking, coder, "component.add", component("GitProfile", **GIT_PROFILE))
    inactive = CommandMessage(
        "person.commands.policy.record_inactivity", {"threshold": 366}, gone, actor="job:inactivity-sweep"
    )
    assert (await asking.send(inactive))["status"] == "accepted"

    welcomed = await _events(asking, ada, lambda types: types["person.notification_requested"] == 1)
    await _decided(asking.nc, "welcome-email", "refused", 1)
    [notified] = [event for event in welcomed if event.type == "person.notification_requested"]
    assert notified.actor == "policy:welcome-email@1"
    assert notified.causationid == derive(derive(NS, "policy:welcome-email@1"), welcomed[1].id)
    assert (notified.correlationid, notified.causationdepth) == (welcomed[1].correlationid, 1)
    flagged = await _events(asking, short, lambda types: types["person.quality_flagged"] == 1)
    assert [event.data.flag for event in flagged if event.type == "person.quality_flagged"] == ["name_too_short"]  # type: ignore[attr-defined]
    analysed = await _events(asking, coder, lambda types: types["person.component_added"] > 1)
    assert "person.skills_analyzed" in {event.type for event in analysed}
    archived = await _events(asking, gone, lambda types: types["person.archived"] == 1)
    assert archived[-1].actor == "policy:auto-archive@1"
    await _until(lambda: _sagas(asking.nc, gone), lambda started: len(started) == 1)
    # Nobody was welcomed twice, and nothing went round in circles.
    assert sum(event.type == "person.notification_requested" for event in await _all(asking.nc, ada)) == 1


async def test_a_version_is_in_force_on_every_worker_within_two_seconds_of_its_acknowledgement(
    asking: PersonClient, workers: list[Worker]
) -> None:
    persons = [await _created(asking, "Ada", person_id=_in(partition)) for partition in range(PARTITIONS)]
    condition = f"event.subject in {orjson.dumps(persons).decode()}"
    document = name_policy(persons[0], condition=condition)
    for version, verdicts in ((1, {"fired"}), (2, {"would_fire"})):
        verb = "activate" if version == 1 else "shadow"
        if version == 2:
            assert (await _rule(asking, document, "retire", {"version": 1}))["status"] == "accepted"
        document["version"] = version
        assert (await _rule(asking, document, "register", {"document": document}))["status"] == "accepted"
        assert (await _rule(asking, document, verb, {"version": version}))["status"] == "accepted"
        await _in_force(asking.nc, workers)

        for person in persons:
            await _accepted(asking, person, "update", {"name": {"given_names": [f"Ada {'AB'[version - 1]}"]}})
        name = f"{document['policy_id']}@{version}"
        recorded = await _until(
            lambda: _decisions(asking.nc, document["policy_id"]),
            lambda all_of: sum(one["data"]["version"] == version for one in all_of) >= PARTITIONS,  # noqa: B023
        )
        assert {one["data"]["verdict"] for one in recorded if one["data"]["version"] == version} == verdicts
        assert len(await _sent(asking.nc, name)) == (PARTITIONS if version == 1 else 0)


async def test_a_deny_rule_vetoes_and_a_broken_one_vetoes_nothing_and_is_recorded(asking: PersonClient) -> None:
    ada = await _created(asking, "Ada")
    denying = deny_rule(ada)
    broken = deny_rule(ada, condition=f'command.subject == "{ada}" && summary.unheard_of == 1')
    broken["examples"] = [
        {"command": {"subject": ada, "data": MALLORY}, "summary": {"unheard_of": 1}, "expect": "fires"},
        {"command": {"data": MALLORY}, "expect": "silent"},
    ]
    refused = await _rule(asking, broken, "register", {"document": broken})
    assert (refused["status"], refused["code"]) == ("refused", "policy_invalid")
    broken["condition"] = f'command.subject == "{ada}" && command.data.name.family_names[0] == "X"'
    broken["examples"] = [
        {
            "command": {"subject": ada, "data": {"name": {"given_names": ["M"], "family_names": ["X"]}}},
            "expect": "fires",
        },
        {"command": {"data": MALLORY}, "expect": "silent"},
    ]
    for document in (denying, broken):
        for verb, data in (("register", {"document": document}), ("activate", {"version": 1})):
            outcome = await _rule(asking, document, verb, data)
            assert outcome["status"] == "accepted", outcome

    rename = CommandMessage("person.commands.update", MALLORY, ada)
    vetoed = await _until(lambda: asking.send(rename), lambda outcome: outcome["status"] == "refused")
    assert (vetoed["code"], vetoed["facts"]) == ("denied_by_policy", {"policy": denying["policy_id"], "version": 1})
    assert (await _decided(asking.nc, denying["policy_id"], "denied", 1))[0]["data"]["version"] == 1

    names = itertools.cycle(("Ada Bea", "Ada Cleo"))

    async def renamed() -> list[dict[str, Any]]:
        # The worker may know the second rule a moment later than the first.
        await _accepted(asking, ada, "update", {"name": {"given_names": [next(names)]}})
        return await _decisions(asking.nc, broken["policy_id"])

    await _until(renamed, lambda told: any(one["data"]["verdict"] == "indeterminate" for one in told))


@pytest.mark.slow
async def test_a_kill_and_a_group_that_is_reset_to_the_beginning_fire_nothing_twice_and_leave_nothing_out(
    asking: PersonClient, workers: list[Worker], installation: tuple[Endpoints, list[Worker]]
) -> None:
    persons = [await _created(asking, "Ada", person_id=_in(number % PARTITIONS)) for number in range(24)]
    document = name_policy(persons[0], condition=f"event.subject in {orjson.dumps(persons).decode()}")
    document["command"] = {
        "type": "person.commands.policy.request_notification",
        "data": {"template": "renamed", "key": "= event.id", "channel": "Email"},
    }
    for verb, data in (("register", {"document": document}), ("activate", {"version": 1})):
        assert (await _rule(asking, document, verb, data))["status"] == "accepted"
    await _in_force(asking.nc, workers)

    async def rename(person_id: str) -> None:
        for letter in "BCDEF":
            command = CommandMessage("person.commands.update", {"name": {"given_names": [f"Ada {letter}"]}}, person_id)
            outcome = await asking.send(command, timeout_s=60)
            assert outcome["status"] == "accepted", outcome

    renaming = asyncio.gather(*map(rename, persons))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(workers[0].process.kill)
    await asyncio.to_thread(_start, workers[0])
    await renaming

    renamed = {
        event.id for person in persons for event in await _all(asking.nc, person) if event.type == "person.name_updated"
    }
    name = f"{document['policy_id']}@1"
    expected = {derive(derive(NS, f"policy:{name}"), event_id) for event_id in renamed}
    notified = await _until(lambda: _notified(asking.nc, persons), lambda found: len(found) >= len(expected))
    assert sorted(notified) == sorted(expected), "each effect is there once"
    [rule] = (await asking.query("list_rules", {"policy_id": document["policy_id"]}, timeout_ms=10_000))["data"]
    assert (rule["status"], rule["counters"]) == ("active", {"fired": len(expected)})

    await asyncio.to_thread(stop_team, workers)
    commands = await _last(asking.nc, streams.COMMANDS)
    decided = await _last(asking.nc, streams.DECISIONS)
    await _reset_group(installation[0])
    # One alone: a second one would take half of the lanes over, and they would begin to count anew.
    await asyncio.to_thread(_start, workers[0])
    outcome = await asking.send(CommandMessage("person.commands.update", MALLORY, persons[0]), timeout_s=60)
    position = {"person_id": persons[0], "min_position": outcome["position"]}
    await asking.query("get_by_id", position, timeout_ms=10_000)
    events = await _count(asking.nc, streams.EVENTS)
    await _until(lambda: _records(workers[0]), lambda records: records >= events)
    # The rename and what the policy made of it; nothing of all that was read again.
    await _until(lambda: _last(asking.nc, streams.COMMANDS), lambda last: last >= commands + 2)
    assert await _last(asking.nc, streams.COMMANDS) == commands + 2
    assert await _last(asking.nc, streams.DECISIONS) == decided + 1


MALLORY = {"name": {"given_names": ["Mallory"]}}
GIT_PROFILE: dict[str, Any] = {"username": "grace", "languages": [{"language": "Rust", "lines": 60_000}]}


def component(component_type: str, **data: Any) -> dict[str, Any]:
    """Data of AddComponent."""
    return {"component_type": component_type, "data": data}


def _in(partition: int) -> str:
    while partition_of(person_id := str(uuid.uuid4()), PARTITIONS) != partition:
        pass
    return person_id


async def _created(client: PersonClient, given: str, *, person_id: str | None = None, **more: Any) -> str:
    envelope = {name: more.pop(name) for name in ("actor", "time") if name in more}
    data = {"name": {"given_names": [given], **more}, "source": "test"}
    outcome = await client.send(CommandMessage("person.commands.create", data, person_id, **envelope))
    assert outcome["status"] == "accepted", outcome
    created: str = outcome["person_id"]
    return created


async def _accepted(client: PersonClient, person_id: str, verb: str, data: dict[str, Any]) -> dict[str, Any]:
    outcome = await client.send(CommandMessage(f"person.commands.{verb}", data, person_id))
    assert outcome["status"] == "accepted", outcome
    return outcome


async def _rule(client: PersonClient, document: dict[str, Any], verb: str, data: dict[str, Any]) -> dict[str, Any]:
    return await client.send(CommandMessage(f"person.commands.rules.{verb}", data, target=document["policy_id"]))


async def _until(look: Callable[[], Awaitable[Any]], is_there: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not is_there(found := await look()):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
    return found


async def _all(nc: Client, person_id: str) -> list[Event]:
    return [event async for event, _ in EventLog(nc).events(person_id)]


async def _events(client: PersonClient, person_id: str, are_there: Callable[[Counter[str]], bool]) -> list[Event]:
    """The events of a person once they hold what is awaited."""
    found: list[Event] = await _until(
        lambda: _all(client.nc, person_id), lambda events: are_there(Counter(event.type for event in events))
    )
    return found


async def _messages(nc: Client, stream: str, subject: str) -> list[dict[str, Any]]:
    return [orjson.loads(message.data) async for message in read.messages(nc, stream, subject)]


async def _decisions(nc: Client, policy_id: str) -> list[dict[str, Any]]:
    return await _messages(nc, streams.DECISIONS, f"person.rules.decided.{policy_id}")


async def _decided(nc: Client, policy_id: str, verdict: str, count: int) -> list[dict[str, Any]]:
    """Decisions of a policy with a verdict, once there are so many."""
    found = await _until(
        lambda: _decisions(nc, policy_id),
        lambda all_of: sum(one["data"]["verdict"] == verdict for one in all_of) >= count,
    )
    return [one for one in found if one["data"]["verdict"] == verdict]


async def _sent(nc: Client, name: str) -> list[dict[str, Any]]:
    commands = await _messages(nc, streams.COMMANDS, FLAG_QUALITY)
    return [command for command in commands if command["actor"] == f"policy:{name}"]


async def _sagas(nc: Client, person_id: str) -> list[dict[str, Any]]:
    return await _messages(nc, streams.SAGAS, f"person.sagas.archival.started.*.{person_id}.*")


async def _notified(nc: Client, persons: list[str]) -> list[str]:
    """The commands that have led to a notification."""
    return [
        event.causationid
        for person in persons
        for event in await _all(nc, person)
        if event.type == "person.notification_requested"
    ]


async def _last(nc: Client, stream: str) -> int:
    last = await read.last_message(nc, stream, ">")
    return 0 if last is None else last.stream_sequence


async def _records(worker: Worker) -> int:
    """Person events that the lanes of a worker have taken."""
    page = await asyncio.to_thread(worker.page, "/status")
    return sum(lane["records"] for lane in page["lanes"] if lane["topic"] == topics.EVENTS)


async def _count(nc: Client, stream: str) -> int:
    messages: int = (await api(nc, f"STREAM.INFO.{stream}"))["state"]["messages"]
    return messages


async def _reset_group(servers: Endpoints) -> None:
    """Let the group of the workers begin anew with the first event."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka_bootstrap, group_id="person", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topics.EVENTS, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        async with asyncio.timeout(30):
            while True:
                try:
                    await consumer.commit(dict.fromkeys(partitions, 0))
                    return
                except (CommitFailedError, UnknownMemberIdError):
                    # The broker takes an outsider's word only once it misses the killed worker, after its session.
                    await asyncio.sleep(0.2)
    finally:
        await consumer.stop()


def _start(worker: Worker) -> None:
    worker.start()
    worker.await_ready()


async def _in_force(nc: Client, workers: list[Worker]) -> None:
    """Wait until every worker has what is acknowledged now; too late is a failure."""
    acknowledged = time.monotonic()
    last = await _last(nc, streams.RULES)
    while min([await asyncio.to_thread(_rules_of, worker) for worker in workers]) < last:
        assert time.monotonic() < acknowledged + IN_FORCE_S, "a worker does not know the rule"
        await asyncio.sleep(0.05)


def _rules_of(worker: Worker) -> int:
    """Up to which rule event a worker knows."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=30) as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("person_rules_stream_sequence "):
                return int(float(line.split()[1]))
    return -1
