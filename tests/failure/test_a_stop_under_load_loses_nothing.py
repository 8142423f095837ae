"""SIGTERM of a worker while commands flow through its partitions: it says at once that it drains, ends with 0, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.stack import Endpoints
from ops.client import ClientError, CommandMessage, PersonClient
from ops.up import stop_team
from ops.workers import Worker

PERSONS = 24
STOP_BUDGET_S = 12.0


@pytest.fixture
def leaving(team: list[Worker], servers: Endpoints, tmp_path: Path) -> Iterator[Worker]:
    """A third worker of the shared installation."""
    worker = Worker(
        "leaving",
        nats_url=servers.nats_url,
        kafka_bootstrap=servers.kafka_bootstrap,
        data=tmp_path / "leaving",
        logs=tmp_path / "logs",
        settings={"PERSON_SHIPPED_POLICIES": "false", "PERSON_STOP_BUDGET_S": str(STOP_BUDGET_S)},
    )
    worker.start()
    try:
        worker.await_ready()
        yield worker
    finally:
        stop_team([worker])


@dataclass
class Seen:
    """What `/readyz` said, with the time of each answer, and the names of the events that a viewer got."""

    answers: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)


@pytest.mark.slow
async def test_a_worker_that_is_asked_to_end_under_load_drains_and_ends_well(
    client: PersonClient, leaving: Worker
) -> None:
    seen, ending, load = Seen(), asyncio.Event(), asyncio.Event()
    ids = [f"019a0000-5709-7000-8000-{number:012x}" for number in range(PERSONS)]
    watching = asyncio.create_task(_ask(leaving, seen))
    viewing = asyncio.create_task(asyncio.to_thread(_view, leaving, seen))
    living = [asyncio.create_task(_live(client, person_id, load, ending)) for person_id in ids]
    await asyncio.wait_for(load.wait(), 30)

    asked_at = time.monotonic()
    leaving.ask_to_end()
    code = await asyncio.to_thread(leaving.process.wait, STOP_BUDGET_S + 5)
    took = time.monotonic() - asked_at
    ending.set()
    accepted = await asyncio.gather(*living)
    await watching
    await viewing

    assert code == 0
    assert took < STOP_BUDGET_S
    told = [(at - asked_at, answer) for at, answer in seen.answers if at > asked_at]
    unready = [at for at, answer in told if not answer["ready"]]
    assert unready, "it ended before it was asked"
    assert unready[0] < 3.0, "it went on to call itself ready"
    assert all(not answer["ready"] for at, answer in told if at > unready[0])
    assert {answer["state"] for at, answer in told if at >= unready[0]} == {"draining"}
    assert seen.events[0] == "status"
    assert seen.events[-1] == "end"
    for person_id, sent in zip(ids, accepted, strict=True):
        person = await client.query("get_by_id", {"person_id": person_id, "min_position": sent[-1]["position"]})
        assert person["data"]["summary"]["version"] == len(sent), person_id
    assert sum(len(sent) for sent in accepted) > 2 * PERSONS


async def _ask(worker: Worker, seen: Seen) -> None:
    while True:
        try:
            answer = await asyncio.to_thread(worker.page, "/readyz")
        except (OSError, ValueError):
            return
        seen.answers.append((time.monotonic(), answer))
        await asyncio.sleep(0.02)


def _view(worker: Worker, seen: Seen) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/status/events", timeout=30) as events:
        for line in events:
            if line.startswith(b"event: "):
                seen.events.append(line.removeprefix(b"event: ").strip().decode())
            elif line.startswith(b"data: "):
                json.loads(line.removeprefix(b"data: "))


async def _live(
    client: PersonClient, person_id: str, load: asyncio.Event, ending: asyncio.Event
) -> list[dict[str, Any]]:
    """Commands of one person until the worker has ended and one round beyond; gives their outcomes."""
    data = {"name": {"given_names": ["Stop"]}, "source": "t"}
    sent = [await _certain(client, CommandMessage("person.commands.create", data, person_id))]
    last = False
    while not last:
        last = ending.is_set()
        verb = "suspend" if len(sent) % 2 else "reactivate"
        command = CommandMessage(f"person.commands.lifecycle.{verb}", {"reason": "test"}, person_id)
        sent.append(await _certain(client, command))
        if len(sent) > 3:
            load.set()
    return sent


async def _certain(client: PersonClient, command: CommandMessage) -> dict[str, Any]:
    """Send until the outcome is known, under one id: what a careful client does when it hears nothing."""
    sent = command.with_id()
    while True:
        try:
            outcome = await client.send(sent, timeout_s=30)
        except ClientError:
            await asyncio.sleep(0.2)
            continue
        assert outcome["status"] == "accepted", outcome
        return outcome
