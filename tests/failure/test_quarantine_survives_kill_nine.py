"""A defect in the fold and SIGKILL at once: parked persons stay parked in order, everybody else flows, and the fixed worker catches up."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from bridge import read
from config.streams import DEAD_LETTERS
from local.stack import Endpoints
from ops.client import CommandMessage, PersonClient
from ops.dlq.letters import acted, listed
from ops.verification import verify
from ops.workers import Worker
from tests.failure.poison import POISON

POISONED = 5
OTHERS = 20


@pytest.mark.slow
async def test_parked_persons_survive_kills_and_catch_up_in_order_after_the_fix(
    own_servers: Endpoints, new_worker: Callable[[str], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = new_worker("worker-1")
    await asyncio.to_thread(_start, worker)
    async with PersonClient(own_servers.nats_url) as client:
        poisoned, others = await _created(client, POISONED), await _created(client, OTHERS)
        await asyncio.to_thread(_stop, worker)

        monkeypatch.setattr(Worker, "module", "tests.failure.poisonous_worker")
        await asyncio.to_thread(_start, worker)
        # The command is decided on a state that the defect cannot fold: its event is stored, then the person is parked.
        await asyncio.gather(*(client.send(_rename(one, POISON), timeout_s=60) for one in poisoned))
        parked = await _until_parked(client, POISONED)
        worker.process.kill()
        # The rows come back from the changelog.
        shutil.rmtree(worker.data)
        await asyncio.to_thread(_start, worker)
        assert await listed(client, {}) == parked
        flowing = await asyncio.gather(*(client.send(_rename(one, "Flowing"), timeout_s=60) for one in others))
        refused = await client.send(_rename(poisoned[0], "Later"), timeout_s=60)
        assert {outcome["status"] for outcome in flowing} == {"accepted"}
        assert (refused["status"], refused["code"]) == ("failed", "unavailable")
        still = await redriven(client, parked)
        assert [one["parked"]["attempts"] for one in still] == [2] * POISONED

        worker.process.kill()
        monkeypatch.undo()
        await asyncio.to_thread(_start, worker)
        redriving = asyncio.create_task(redriven(client, parked))
        await asyncio.sleep(0.02)
        worker.process.kill()
        await asyncio.to_thread(_start, worker)
        await redriving
        await redriven(client, await listed(client, {}))

        assert await listed(client, {}) == []
        last = await client.send(_rename(poisoned[1], "Later"), timeout_s=60)
        assert (last["status"], last["version"]) == ("accepted", 3)
        verification = await verify(client)
        letters = [message.subject async for message in read.messages(client.nc, DEAD_LETTERS, "person.dlq.>")]

    assert (verification.differences, verification.lost, verification.duplicated) == ([], 0, 0)
    assert verification.persons == POISONED + OTHERS
    consumers = [subject.split(".")[2] for subject in letters]
    assert consumers.count("fold_persons") == POISONED
    assert set(consumers) == {"fold_persons", "acts"}


async def redriven(client: PersonClient, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [row["letter"] for row in rows]
    return await acted(client, "redrive_dead_letter", names, by="user:ada", why="a test", timeout_s=60)


def _start(worker: Worker) -> None:
    worker.start()
    worker.await_ready()


def _stop(worker: Worker) -> None:
    worker.ask_to_end()
    worker.await_end()


async def _created(client: PersonClient, count: int) -> list[str]:
    name = {"given_names": ["Quarantine"]}
    create = CommandMessage("person.commands.create", {"name": name, "source": "test"})
    outcomes = await asyncio.gather(*(client.send(create, timeout_s=60) for _ in range(count)))
    return [outcome["person_id"] for outcome in outcomes]


def _rename(person_id: str, name: str) -> CommandMessage:
    return CommandMessage("person.commands.update", {"name": {"given_names": [name]}}, person_id)


async def _until_parked(client: PersonClient, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while len(rows := await listed(client, {})) < count:  # noqa: ASYNC110  # a query tells it
            await asyncio.sleep(0.1)
    return rows
