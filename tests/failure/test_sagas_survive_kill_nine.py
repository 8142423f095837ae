"""Workers die between an effect and the next, are down over a time limit: every saga ends as it should, and nothing is done twice."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from agents.timers import due_subject, set_subject
from bridge import read
from config import streams
from local.stack import Endpoints
from ops.client import CommandMessage
from ops.workers import Worker
from tests.agents.saga_watch import ends, names, onboarding_of, until_saga
from tests.failure.points import POINTS
from tests.short_lived import kill_team

LATE = 4
TIME_LIMIT_S = 4
PATIENCE_S = 60.0
ANSWERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("verify_identity", {"identity_id": "i-1", "identity_type": "passport", "verification_level": "Document"}),
    ("assign_location", {"location_id": "l-1", "location_type": "Residence"}),
    (
        "provide_basic_info",
        {"email": {"email": {"address": "ada@example.org"}}, "phone": {"phone": {"number": "+49301234567"}}},
    ),
    ("provide_components", {"components": []}),
)


@pytest.mark.slow
async def test_a_worker_that_dies_at_every_point_loses_no_saga_and_sends_nothing_twice(
    own_servers: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying_at = tmp_path / "dying_at"
    dying_at.mkdir()
    for point in POINTS:
        (dying_at / point).touch()

    def new_worker(name: str) -> Worker:
        return Worker(
            name,
            nats_url=own_servers.nats_url,
            kafka_bootstrap=own_servers.kafka_bootstrap,
            data=tmp_path / name,
            logs=tmp_path / "logs",
            settings={
                "PERSON_SAGA_TIMEOUTS": f"onboarding/IdentityStep={TIME_LIMIT_S}",
                "PERSON_SESSION_TIMEOUT_S": "2",
                "DYING_AT": str(dying_at),
            },
        )

    workers = [new_worker("worker-1"), new_worker("worker-2")]
    nc = Client()
    await nc.connect(own_servers.nats_url)
    try:
        monkeypatch.setattr(Worker, "module", "tests.failure.dying_worker")
        await asyncio.to_thread(_start, *workers)
        keeping = asyncio.create_task(asyncio.to_thread(_keep_alive, workers, len(POINTS)))
        answered: list[str] = []
        silent: list[str] = []
        while not keeping.done():
            # Whoever owns which partition when, sooner or later somebody comes to every point.
            if any(dying_at.iterdir()):
                answered.append(await _begin(nc, ANSWERS))
                silent.append(await _begin(nc, ()))
            await asyncio.wait({keeping}, timeout=1.0)
        await keeping
        completed = [await until_saga(nc, onboarding_of(one), ends("completed"), PATIENCE_S) for one in answered]
        compensated = [await until_saga(nc, onboarding_of(one), ends("compensated"), PATIENCE_S) for one in silent]

        # Down while a timer becomes due, and while a saga begins.
        late = [await _begin(nc, ()) for _ in range(LATE)]
        for one in late:
            await _until_stored(nc, set_subject(one, onboarding_of(one)))
        await asyncio.to_thread(_stop, *workers)
        unseen = await _begin(nc, ANSWERS)
        for one in late:
            await _until_stored(nc, due_subject(one, onboarding_of(one)))
        await asyncio.to_thread(_start, workers[0])
        compensated += [await until_saga(nc, onboarding_of(one), ends("compensated"), PATIENCE_S) for one in late]
        completed.append(await until_saga(nc, onboarding_of(unseen), ends("completed"), PATIENCE_S))

        for events in (*completed, *compensated):
            assert [one["sequence"] for one in events] == list(range(1, len(events) + 1))
        for events in compensated:
            assert [name for name in names(events) if name.startswith("step_failed")] == ["step_failed IdentityStep"]
        for stream, pattern in ((streams.OUTBOUND, ">"), (streams.COMMANDS, "person.commands.>")):
            assert _twice(await _sent(nc, stream, pattern)) == {}
        happened = Counter(
            [(one["type"], one["subject"]) for one in await _sent(nc, streams.EVENTS, "person.events.>")]
        )
        for one in (*answered, unseen):
            assert happened["person.onboarding_completed", one] == 1
        for one in (*silent, *late):
            assert happened["person.onboarding_failed", one] == 1
    finally:
        await nc.close()
        await asyncio.to_thread(kill_team, workers)


def _start(*workers: Worker) -> None:
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.await_ready()


def _stop(*workers: Worker) -> None:
    for worker in workers:
        worker.ask_to_end()
    for worker in workers:
        worker.await_end()


def _keep_alive(workers: Sequence[Worker], deaths: int) -> None:
    """Start workers again when they have died, until there were so many deaths."""
    deadline = time.monotonic() + PATIENCE_S
    while deaths:
        assert time.monotonic() < deadline, "no worker gets to some point"
        for worker in workers:
            if not worker.process.running:
                worker.start()
                deaths -= 1
        time.sleep(0.05)


async def _begin(nc: Client, answers: Iterable[tuple[str, dict[str, Any]]]) -> str:
    """A person whose onboarding begins, and the answers that it gets; nobody waits for an outcome."""
    person_id = str(uuid.uuid4())
    create = {"name": {"given_names": ["Ada"]}, "source": "test", "onboarding": True}
    messages = [("create", create), *((f"onboarding.{kind}", data) for kind, data in answers)]
    for kind, data in messages:
        message = CommandMessage(f"person.commands.{kind}", data, person_id)
        reply = await nc.request(message.type, orjson.dumps(message.envelope()), timeout=30)
        assert "error" not in orjson.loads(reply.data)
    return person_id


async def _until_stored(nc: Client, subject: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await read.last_message(nc, streams.TIMERS, subject) is None:  # noqa: ASYNC110  # streams are asked
            await asyncio.sleep(0.05)


async def _sent(nc: Client, stream: str, pattern: str) -> list[dict[str, Any]]:
    return [orjson.loads(one.data) async for one in read.messages(nc, stream, pattern)]


def _twice(documents: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Messages that are there more than once, by type and id."""
    counted = Counter(f"{one['type']} {one['id']}" for one in documents)
    return {message: count for message, count in counted.items() if count > 1}
