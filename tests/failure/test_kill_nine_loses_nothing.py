"""SIGKILL of workers while commands flow: every accepted command has its effect, once."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.stack import Endpoints
from ops.client import CommandMessage, PersonClient
from ops.verification import read_all, verify
from ops.workers import Worker

COMMANDS = 5_000
PERSONS = 250
IN_FLIGHT = 200


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_only_worker_is_killed_during_5000_commands_and_restarts_on_an_empty_folder(
    own_servers: Endpoints, new_worker: Callable[[str], Worker]
) -> None:
    worker = new_worker("worker-1")
    await asyncio.to_thread(_start, worker)
    async with PersonClient(own_servers.nats_url) as client:
        killing = asyncio.create_task(_kill_after(worker, 2.0))
        outcomes = await _send_all(client)
        await killing
        verification = await verify(client)
        stored = await read_all(client.nc)

    accepted = {outcome["command_id"] for outcome in outcomes if outcome["status"] == "accepted"}
    assert len(outcomes) == COMMANDS
    assert len(accepted) == COMMANDS, {outcome.get("code") for outcome in outcomes}
    effects = [event.causationid for _, _, event in stored]
    assert set(effects) == accepted
    assert len(effects) == len(accepted), "a command had its effect twice"
    assert verification.differences == []
    assert (verification.lost, verification.duplicated) == (0, 0)


def _start(worker: Worker) -> None:
    worker.start()
    worker.await_ready()


async def _kill_after(worker: Worker, seconds: float) -> None:
    await asyncio.sleep(seconds)

    def kill_and_restart() -> None:
        worker.process.kill()
        shutil.rmtree(worker.data)
        _start(worker)

    await asyncio.to_thread(kill_and_restart)


async def _send_all(client: PersonClient) -> list[dict[str, Any]]:
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
        return outcomes

    order = list(chains.items())
    random.Random(7).shuffle(order)
    lived = await asyncio.gather(*(live(person_id, count) for person_id, count in order))
    return [*created, *(outcome for chain in lived for outcome in chain)]


@pytest.mark.slow
@pytest.mark.timeout(120)
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
