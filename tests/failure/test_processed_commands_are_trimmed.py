"""Processed commands leave both logs, unprocessed ones never: across kills, stalled workers and empty data folders."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from nats.aio.client import Client

from bridge.jetstream import api
from config import streams, topics
from domain.partitions import partition_of
from local.stack import Endpoints
from ops.client import CommandMessage, PersonClient
from ops.verification import read_all, verify
from ops.workers import Worker
from tests.short_lived import kill_team

PARTITIONS = 8
TRIM_AT_ONCE = {"PERSON_COMMANDS_KEEP_S": "0", "PERSON_COMMANDS_TRIM_INTERVAL_S": "0.1"}


@asynccontextmanager
async def _team(servers: Endpoints, folder: Path, size: int, settings: dict[str, str]) -> AsyncIterator[list[Worker]]:
    workers = [
        Worker(
            f"worker-{number}",
            nats_url=servers.nats_url,
            kafka_bootstrap=servers.kafka_bootstrap,
            data=folder / f"worker-{number}",
            logs=folder / "logs",
            settings=settings,
        )
        for number in range(size)
    ]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            await asyncio.to_thread(worker.await_ready)
        yield workers
    finally:
        kill_team(workers)


@pytest.mark.slow
async def test_trimming_under_kills_loses_no_command_and_leaves_every_outcome(
    own_servers: Endpoints, tmp_path: Path
) -> None:
    async with _team(own_servers, tmp_path, 1, TRIM_AT_ONCE) as (worker,), PersonClient(own_servers.nats_url) as client:
        killing = asyncio.create_task(_kill_twice(worker))
        persons = [f"019a0000-0000-7000-8000-{number:012x}" for number in range(60)]
        sent = [
            one for chain in await asyncio.gather(*(_live(client, one, killing) for one in persons)) for one in chain
        ]
        await killing
        await _until_logs_are_empty(client.nc, own_servers)
        effects = [event.causationid for _, _, event in await read_all(client.nc)]

        await asyncio.to_thread(_restart_on_empty_folder, worker)
        recorded = await asyncio.gather(*(client.query("get_outcome", {"command_id": one.id}) for one, _ in sent))
        repeated = await client.send(sent[0][0], timeout_s=30)
        other = await client.send(
            CommandMessage(
                "person.commands.create",
                {"name": {"given_names": ["Other"]}, "source": "t"},
                persons[0],
                id=sent[0][0].id,
            )
        )
        verification = await verify(client)
        effects_after = [event.causationid for _, _, event in await read_all(client.nc)]

    assert sorted(effects) == sorted(str(one.id) for one, _ in sent)
    assert [answer["data"] for answer in recorded] == [outcome for _, outcome in sent]
    assert repeated == sent[0][1]
    assert (other["status"], other["code"]) == ("refused", "invalid_command")
    assert effects_after == effects
    assert (verification.differences, verification.lost, verification.duplicated) == ([], 0, 0)


@pytest.mark.slow
async def test_commands_of_a_stalled_worker_stay_in_both_logs_until_it_goes_on(
    own_servers: Endpoints, tmp_path: Path
) -> None:
    settings = {**TRIM_AT_ONCE, "PERSON_SESSION_TIMEOUT_S": "19"}
    async with _team(own_servers, tmp_path, 2, settings) as team, PersonClient(own_servers.nats_url) as client:
        await asyncio.to_thread(_wait_for_split, team)
        stalled = next(worker for worker in team if 0 not in worker.page("/status")["partitions"])
        silent = frozenset(stalled.page("/status")["partitions"])
        await _send_all(client, 40)
        await _until_logs_are_empty(client.nc, own_servers)
        os.kill(stalled.process.pid, signal.SIGSTOP)
        try:
            awaited = [await client.publish(_creation(number)) for number in range(40, 120)]
            waiting = {
                command_id: outcome
                for number, (command_id, outcome) in enumerate(awaited, 40)
                if partition_of(_person(number), PARTITIONS) in silent
            }
            for command_id, outcome in awaited:
                if command_id not in waiting:
                    await client.outcome(command_id, outcome, timeout_s=30)
            spoken = frozenset(range(PARTITIONS)) - silent
            await _until(lambda: _is_trimmed(own_servers, spoken))
            first_waiting = next(
                number for number in range(40, 120) if partition_of(_person(number), PARTITIONS) in silent
            )
            await _until(lambda: _first_stored(client.nc, first_waiting + 1))

            held = await _records(own_servers, silent)
            state = (await api(client.nc, f"STREAM.INFO.{streams.COMMANDS}"))["state"]
            assert len(waiting) > 10
            assert held == len(waiting)
            assert state["messages"] == 120 - first_waiting
        finally:
            os.kill(stalled.process.pid, signal.SIGCONT)
        late = [await client.outcome(one, outcome, timeout_s=60) for one, outcome in waiting.items()]
        await _until_logs_are_empty(client.nc, own_servers)

    assert {outcome["status"] for outcome in late} == {"accepted"}


def _person(number: int) -> str:
    return f"019b0000-0000-7000-8000-{number:012x}"


def _creation(number: int) -> CommandMessage:
    return CommandMessage("person.commands.create", {"name": {"given_names": ["Trim"]}, "source": "t"}, _person(number))


async def _send_all(client: PersonClient, count: int) -> None:
    await asyncio.gather(*(client.send(_creation(number), timeout_s=30) for number in range(count)))


async def _live(
    client: PersonClient, person_id: str, until: asyncio.Task[None]
) -> list[tuple[CommandMessage, dict[str, Any]]]:
    """One person's chain of commands, until the kills are over."""
    data: dict[str, Any] = {"name": {"given_names": ["Trim"]}, "source": "t"}
    message = CommandMessage("person.commands.create", data, person_id).with_id()
    lived = []
    while True:
        outcome = await client.send(message, timeout_s=60)
        assert outcome["status"] == "accepted", outcome
        lived.append((message, outcome))
        if until.done():
            return lived
        verb = "suspend" if len(lived) % 2 else "reactivate"
        message = CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id).with_id()
        await asyncio.sleep(0.2)


async def _kill_twice(worker: Worker) -> None:
    for seconds in (1.5, 0.7):
        await asyncio.sleep(seconds)
        await asyncio.to_thread(_kill_and_restart, worker)
    await asyncio.sleep(1.0)


def _kill_and_restart(worker: Worker) -> None:
    worker.process.kill()
    worker.start()
    worker.await_ready()


def _restart_on_empty_folder(worker: Worker) -> None:
    worker.process.kill()
    shutil.rmtree(worker.data)
    worker.start()
    worker.await_ready()


def _wait_for_split(team: list[Worker]) -> None:
    deadline = time.monotonic() + 30
    while True:
        owned = [worker.page("/status")["partitions"] for worker in team]
        if all(owned) and sorted(partition for one in owned for partition in one) == list(range(PARTITIONS)):
            return
        assert time.monotonic() < deadline, f"the partitions are not shared: {owned}"
        time.sleep(0.1)


async def _until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110  # the servers send no event for it
            await asyncio.sleep(0.1)


async def _until_logs_are_empty(nc: Client, servers: Endpoints) -> None:
    async def empty() -> bool:
        state = (await api(nc, f"STREAM.INFO.{streams.COMMANDS}"))["state"]
        return state["messages"] == 0 and await _is_trimmed(servers, frozenset(range(PARTITIONS)))

    await _until(empty)


async def _first_stored(nc: Client, sequence: int) -> bool:
    state = (await api(nc, f"STREAM.INFO.{streams.COMMANDS}"))["state"]
    return bool(state["first_seq"] == sequence)


async def _is_trimmed(servers: Endpoints, partitions: frozenset[int]) -> bool:
    return await _records(servers, partitions) == 0


async def _records(servers: Endpoints, partitions: frozenset[int]) -> int:
    """How many records the partitions of the command topic hold."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka_bootstrap)
    await consumer.start()
    try:
        tps = [TopicPartition(topics.COMMANDS, partition) for partition in partitions]
        ends, begins = await consumer.end_offsets(tps), await consumer.beginning_offsets(tps)
        return sum(ends[tp] - begins[tp] for tp in tps)
    finally:
        await consumer.stop()
