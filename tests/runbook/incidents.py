"""The troubles for which alerts are most likely: how each begins, which alerts it raises, and what its pages must tell and lead to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from bridge.jetstream import api
from config.settings import Settings
from ops.client import CommandMessage, PersonClient
from ops.workers import Worker
from tests.drill.people import UNFORTUNATE
from tests.ops.test_person_sagas import parked_saga
from tests.runbook.installation import Installation, RunbookError

GOOD, BROKEN = "ops.worker", "tests.drill.broken_worker"
TOPIC, STREAM = "shipments", "SHIPMENTS"
ROUTES = f"""\
include_packaged = true

[[route]]
name = "{TOPIC}"
direction = "egress"
source = {{ topic = "{TOPIC}" }}
target = {{ stream = "{STREAM}", subject = "{TOPIC}.records.{{key}}", checkpoint = "{TOPIC}.position" }}
"""
TARGET: Mapping[str, Any] = {
    "name": STREAM,
    "subjects": [f"{TOPIC}.records.>", f"{TOPIC}.position.*"],
    "storage": "file",
    "retention": "limits",
    "discard": "new",
    "num_replicas": 1,
    "max_msgs": 3,
    "max_bytes": -1,
    "max_age": 0,
    "allow_atomic": True,
    "allow_rollup_hdrs": True,
    "allow_msg_ttl": True,
}
RECORDS = 5

Begin = Callable[[Installation], Awaitable[Mapping[str, str]]]
Act = Callable[[Installation], Awaitable[None]]


async def _nothing(_: Installation) -> None:
    """The commands of the page are enough."""


@dataclass(frozen=True)
class Incident:
    """`begin` makes the trouble and gives what stands on the pages for names of the reader; `mend` does what pages say without a command."""

    name: str
    alerts: Sequence[str]
    begin: Begin
    tells: Mapping[str, str]
    """What a command under "Look" prints, by how the command begins; names of the reader may stand in it."""
    mend: Act = _nothing
    does: Sequence[str] = ()
    """How the commands under "Do" begin that are right here."""
    ends: Sequence[str] = ()
    """Alerts that go at once; others look back for some minutes."""
    codes: Mapping[str, int] = field(default_factory=dict)
    """Exit codes of commands under "Look" that tell of the trouble by them."""
    check: Act = _nothing
    """Raises AssertionError unless it is over."""


async def _unshowable(installation: Installation) -> Mapping[str, str]:
    await installation.restart(BROKEN)
    name = {"given_names": ["Ada"], "family_names": [UNFORTUNATE]}
    async with _client(installation) as client:
        created = await client.send(CommandMessage("person.commands.create", {"name": name, "source": "test"}))
    return {"PERSON_ID": created["person_id"]}


async def _mended_release(installation: Installation) -> None:
    await installation.restart(GOOD)


async def _refused_saga(installation: Installation) -> Mapping[str, str]:
    async with _client(installation) as client:
        saga_id, _ = await parked_saga(client)
    return {"SAGA_ID": saga_id}


async def _killed_worker(installation: Installation) -> Mapping[str, str]:
    killed, other = installation.team[1], installation.team[0]
    killed.process.kill()
    # The alert is told to people after a minute; by then the other one has all partitions, also for whoever looks at once here.
    await asyncio.to_thread(_await_all_partitions, other)
    return {}


def _await_all_partitions(worker: Worker) -> None:
    deadline = time.monotonic() + 60
    while len(worker.page("/status")["partitions"]) < Settings().partitions:
        if time.monotonic() > deadline:
            raise RunbookError("the other worker did not take over")
        time.sleep(0.2)


async def _killed_workers(installation: Installation) -> Mapping[str, str]:
    for worker in installation.team:
        worker.process.kill()
    return {"http://worker-1:6066": installation.team[0].address}


async def _started_workers(installation: Installation) -> None:
    for worker in installation.team:
        if not worker.process.running:
            worker.start()
    for worker in installation.team:
        await asyncio.to_thread(worker.await_ready)


async def _full_target(installation: Installation) -> Mapping[str, str]:
    producer = AIOKafkaProducer(bootstrap_servers=installation.stack.endpoints.kafka_bootstrap)
    await producer.start()
    try:
        for number in range(RECORDS):
            await producer.send_and_wait(TOPIC, b"{}", key=b"k-%d" % number, partition=0)
    finally:
        await producer.stop()
    return {}


async def _enlarged_target(installation: Installation) -> None:
    async with _client(installation) as client:
        await api(client.nc, f"STREAM.UPDATE.{STREAM}", {**TARGET, "max_msgs": -1})


async def _all_carried(installation: Installation) -> None:
    async with _client(installation) as client, asyncio.timeout(30):
        while True:
            found = await api(client.nc, f"STREAM.INFO.{STREAM}", {"subjects_filter": f"{TOPIC}.records.>"})
            if sum(found["state"].get("subjects", {}).values()) == RECORDS:
                return
            await asyncio.sleep(0.2)


async def _paused_kafka(installation: Installation) -> Mapping[str, str]:
    installation.stack.pause_kafka()
    async with _client(installation) as client:
        name = {"given_names": ["Late"]}
        await client.publish(CommandMessage("person.commands.create", {"name": name, "source": "test"}).with_id())
    return {}


async def _resumed_kafka(installation: Installation) -> None:
    installation.stack.resume_kafka()


def _client(installation: Installation) -> PersonClient:
    return PersonClient(installation.stack.endpoints.nats_url)


INCIDENTS: Sequence[Incident] = (
    Incident(
        "a release cannot show a person",
        ("PersonQuarantine", "PersonDeadLettersStored"),
        _unshowable,
        {
            "person dlq list": "project_summary/PERSON_ID",
            "person dlq stats": "project_summary",
            "person dlq show": "handler_failed",
        },
        mend=_mended_release,
        does=("person dlq redrive",),
        ends=("PersonQuarantine",),
        # The broken release still runs.
        codes={"person dlq dry-run": 1},
    ),
    Incident(
        "another domain refuses what a saga asks",
        ("PersonSagaParked",),
        _refused_saga,
        {"person sagas list": "SAGA_ID", "person sagas show": "release_organization"},
        mend=Installation.start_neighbours,
        does=("person sagas retry",),
        ends=("PersonSagaParked",),
    ),
    Incident(
        "one worker is killed",
        ("PersonWorkerDown",),
        _killed_worker,
        {"person doctor": "0 errors"},
        mend=_started_workers,
        ends=("PersonWorkerDown",),
    ),
    Incident(
        "all workers are killed",
        ("PersonNoWorker", "PersonWorkerDown"),
        _killed_workers,
        {"person doctor": "worker"},
        mend=_started_workers,
        ends=("PersonNoWorker", "PersonWorkerDown"),
        codes={"curl": 7, "person doctor": 1},
    ),
    Incident(
        "the target of a route is full",
        ("PersonRouteFails",),
        _full_target,
        {"person routes": "maximum messages exceeded"},
        mend=_enlarged_target,
        check=_all_carried,
    ),
    Incident(
        "Kafka stands still",
        ("PersonRouteBehind",),
        _paused_kafka,
        {"person routes": "KafkaConnectionError"},
        mend=_resumed_kafka,
        ends=("PersonRouteBehind",),
        codes={"person routes": 4},
    ),
)
