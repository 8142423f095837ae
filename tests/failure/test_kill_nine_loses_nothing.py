"""SIGKILL of workers while commands and events of neighbours flow: everything that was accepted has its effect, once."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest

from bridge.jetstream import api
from bridge.streams import ensure_stream
from config import streams
from domain.ids import derive
from local.stack import Endpoints
from ops.client import CommandMessage, PersonClient
from ops.verification import read_all, verify
from ops.workers import Worker

COMMANDS = 2_000
PERSONS = 200
IN_FLIGHT = 200
LINKS = "person.events.identity.linked.>"
LINKED = 2
"""Identities of each person that another domain links meanwhile."""


@pytest.mark.slow
async def test_the_only_worker_is_killed_during_2000_commands_and_restarts_on_an_empty_folder(
    own_servers: Endpoints, new_worker: Callable[[str], Worker]
) -> None:
    worker = new_worker("worker-1")
    await asyncio.to_thread(_start, worker)
    async with PersonClient(own_servers.nats_url) as client:
        await ensure_stream(client.nc, streams.neighbour_streams(1)[0])
        under_way = asyncio.Event()
        killing = asyncio.create_task(_kill_when(worker, under_way))
        outcomes, translated = await _send_all(client, under_way)
        await killing
        await _until_stored(client, translated)
        verification = await verify(client)
        stored = await read_all(client.nc)

    accepted = {outcome["command_id"] for outcome in outcomes if outcome["status"] == "accepted"}
    assert len(outcomes) == COMMANDS
    assert len(accepted) == COMMANDS, {outcome.get("code") for outcome in outcomes}
    effects = [event.causationid for _, _, event in stored]
    assert set(effects) == accepted | translated
    assert len(effects) == len(accepted) + PERSONS * LINKED, "a command had its effect twice"
    assert verification.differences == []
    assert (verification.lost, verification.duplicated) == (0, 0)


def _start(worker: Worker) -> None:
    worker.start()
    worker.await_ready()


async def _kill_when(worker: Worker, under_way: asyncio.Event) -> None:
    await under_way.wait()

    def kill_and_restart() -> None:
        worker.process.kill()
        shutil.rmtree(worker.data)
        _start(worker)

    await asyncio.to_thread(kill_and_restart)


async def _send_all(client: PersonClient, under_way: asyncio.Event) -> tuple[list[dict[str, Any]], set[str]]:
    """The outcomes of all commands, and the ids of those that events of a neighbour became meanwhile.

    Says so when the first person has its third outcome: hundreds are in flight then, and most are to come.
    """
    name = {"given_names": ["Kill"], "family_names": ["Survivor"]}
    creates = [CommandMessage("person.commands.create", {"name": name, "source": "test"}) for _ in range(PERSONS)]
    created = await asyncio.gather(*(client.send(create, timeout_s=90) for create in creates))
    person_ids = [outcome["person_id"] for outcome in created]
    # Each person lives its own chain, so that every command is acceptable whatever is in flight for the others.
    chains = dict.fromkeys(person_ids, (COMMANDS - PERSONS) // PERSONS)
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def live(person_id: str, count: int) -> list[dict[str, Any]]:
        outcomes = []
        for number in range(count):
            verb = "suspend" if number % 2 == 0 else "reactivate"
            command = CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id)
            async with slots:
                outcomes.append(await client.send(command, timeout_s=90))
            if number == 1:
                under_way.set()
        return outcomes

    order = list(chains.items())
    random.Random(7).shuffle(order)
    linking = asyncio.create_task(_link_identities(client, person_ids))
    lived = await asyncio.gather(*(live(person_id, count) for person_id, count in order))
    return [*created, *(outcome for chain in lived for outcome in chain)], await linking


async def _link_identities(client: PersonClient, person_ids: Sequence[str]) -> set[str]:
    """The ids of the commands that follow from what the identity domain says."""
    said: dict[str, bytes] = {}
    for number in range(LINKED):
        for person_id in person_ids:
            data = {"identity_id": f"i-{number}", "person_id": person_id}
            event_id = str(uuid.uuid4())
            said[event_id] = orjson.dumps({"id": event_id, "type": "identity.linked", "data": data})
    for event in said.values():
        await client.nc.publish("identity.events.linked", event)
    await client.nc.flush()
    return {derive(event_id, "person/link_identity/0") for event_id in said}


async def _until_stored(client: PersonClient, command_ids: set[str]) -> None:
    """Nobody tells the test of the outcomes."""
    async with asyncio.timeout(60):
        while await _linked(client) < len(command_ids):  # noqa: ASYNC110  # the server sends no event for it
            await asyncio.sleep(0.1)


async def _linked(client: PersonClient) -> int:
    state = (await api(client.nc, f"STREAM.INFO.{streams.EVENTS}", {"subjects_filter": LINKS}))["state"]
    return sum(state.get("subjects", {}).values())


@pytest.mark.slow
async def test_killing_either_of_two_workers_moves_its_partitions_within_ten_seconds(
    own_servers: Endpoints, new_worker: Callable[[str], Worker]
) -> None:
    team = [new_worker("worker-1"), new_worker("worker-2")]
    for worker in team:
        worker.start()
    for worker in team:
        await asyncio.to_thread(worker.await_ready)
    await asyncio.to_thread(_wait_for_split, team)

    for victim, survivor in ((team[0], team[1]), (team[1], team[0])):
        victim.process.kill()
        taken = await asyncio.to_thread(_seconds_until_all_owned, survivor)
        assert taken < 10
        async with PersonClient(own_servers.nats_url) as client:
            created = await client.send(
                CommandMessage("person.commands.create", {"name": {"given_names": ["After"]}, "source": "test"})
            )
            assert created["status"] == "accepted"
        await asyncio.to_thread(_start, victim)
        await asyncio.to_thread(_wait_for_split, team)


def _partitions(worker: Worker) -> list[int]:
    try:
        found = worker.page("/status")["partitions"]
    except (OSError, ValueError):
        return []
    assert isinstance(found, list)
    return found


def _wait_for_split(team: list[Worker]) -> None:
    deadline = time.monotonic() + 30
    while True:
        owned = [_partitions(worker) for worker in team]
        if all(owned) and sorted(partition for one in owned for partition in one) == list(range(8)):
            return
        assert time.monotonic() < deadline, f"the partitions are not shared: {owned}"
        time.sleep(0.1)


def _seconds_until_all_owned(worker: Worker) -> float:
    started = time.monotonic()
    while len(_partitions(worker)) < 8:
        assert time.monotonic() - started < 30, "the partitions did not move"
        time.sleep(0.05)
    return time.monotonic() - started
