"""Routes of a user's file run in workers beside the packaged ones, move to another worker when theirs is killed, and are listed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from bridge import read
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config.topics import Topic
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from local.stack import Stack
from ops.client import CommandMessage, PersonClient
from ops.up import start_team
from tests.short_lived import kill_team, short_lived

ROUTES = """
include_packaged = true

[[route]]
name = "chaos"
direction = "egress"
source = { topic = "chaos.records" }
target = { stream = "CHAOS", subject = "chaos.records.{key}", checkpoint = "chaos.position" }

[[route]]
name = "copy-of-orders"
direction = "ingress"
source = { stream = "ORDERS", filter = "orders.*.placed" }
target = { topic = "orders" }
key = { from = "token", token = 1 }
partition = { from = "key" }
"""
KEYS = 10
RECORDS = 4000


@pytest.mark.slow
async def test_egress_is_exactly_once_and_ingress_without_gaps_when_a_worker_is_killed(tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text(ROUTES)
    with short_lived(Stack(tmp_path / "stack")) as stack:
        at = stack.endpoints
        nc = await _prepared(at.nats_url, at.kafka_bootstrap)
        producer = DurableProducer(at.kafka_bootstrap, client_id="test", max_batch_bytes=1 << 20)
        settings = {"PERSON_ROUTES_FILE": str(tmp_path / "routes.toml")}
        team = await asyncio.to_thread(start_team, at, 2, tmp_path, settings)
        try:
            await _write(nc, producer, 0, RECORDS // 4)
            async with PersonClient(at.nats_url) as client:
                sent = CommandMessage("person.commands.create", {"name": {"given_names": ["Ada"]}, "source": "t"})
                assert (await client.send(sent.with_id()))["status"] == "accepted"
            listed = await asyncio.to_thread(_listed, tmp_path, at.nats_url, at.kafka_bootstrap, settings)
            writing = asyncio.create_task(_write(nc, producer, RECORDS // 4, RECORDS))
            await asyncio.to_thread(team[0].process.kill)
            await writing
            await _until_still(nc, RECORDS)
            egressed = [one async for one in read.messages(nc, "CHAOS", "chaos.records.>")]
        finally:
            kill_team(team)
            await producer.stop()
            await nc.close()

    for key in range(KEYS):
        values = [int(one.data) for one in egressed if one.subject == f"chaos.records.k{key}"]
        assert values == list(range(key, RECORDS, KEYS))
    assert {entry["name"] for entry in listed} > {"events", "commands", "chaos", "copy-of-orders"}
    by_name = {entry["name"]: entry for entry in listed}
    assert sorted(place for owner in by_name["chaos"]["owners"] for place in owner["carries"]) == [
        f"chaos.records[{number}]" for number in range(3)
    ]
    assert [owner["carries"] for owner in by_name["commands"]["owners"]] == [["ingress-commands"]]
    assert [owner["carries"] for owner in by_name["copy-of-orders"]["owners"]] == [["copy-of-orders"]]


async def _prepared(nats_url: str, bootstrap: str) -> Client:
    nc = Client()
    await nc.connect(nats_url)
    common = {"storage": "file", "retention": "limits", "discard": "new", "num_replicas": 1}
    allow = {"allow_atomic": True, "allow_rollup_hdrs": True, "allow_msg_ttl": True}
    await ensure_stream(nc, {**common, **allow, "name": "CHAOS", "subjects": ["chaos.records.>", "chaos.position.*"]})
    await ensure_stream(nc, {**common, "name": "ORDERS", "subjects": ["orders.>"]})
    await ensure_topics(bootstrap, [Topic("chaos.records", 3, 1, {}), Topic("orders", 2, 1, {})])
    return nc


async def _write(nc: Client, producer: DurableProducer, first: int, last: int) -> None:
    for begin in range(first, last, 100):
        by_partition: dict[int, list[OutgoingRecord]] = {0: [], 1: [], 2: []}
        for number in range(begin, min(begin + 100, last)):
            key = number % KEYS
            by_partition[key % 3].append(OutgoingRecord(f"k{key}".encode(), str(number).encode(), 1))
        await producer.write(
            OutgoingBatch("chaos.records", number, records) for number, records in by_partition.items()
        )
        await nc.request(f"orders.o{begin}.placed", str(begin).encode())
        await asyncio.sleep(0.02)


async def _until_still(nc: Client, number: int) -> None:
    async with asyncio.timeout(60):
        while await _count(nc) < number:  # noqa: ASYNC110  # the server sends no event for it
            await asyncio.sleep(0.2)


async def _count(nc: Client) -> int:
    reply = await nc.request("$JS.API.STREAM.INFO.CHAOS", json.dumps({"subjects_filter": "chaos.records.>"}).encode())
    return sum((json.loads(reply.data)["state"].get("subjects") or {}).values())


def _listed(folder: Path, nats_url: str, bootstrap: str, settings: dict[str, str]) -> list[dict[str, Any]]:
    environment = {"PERSON_NATS_URL": nats_url, "PERSON_KAFKA_BOOTSTRAP": bootstrap, **settings}
    found = subprocess.run(
        [sys.executable, "-m", "ops.cli", "routes", "--json"],
        env=environment,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert found.returncode == 0, found.stderr
    data: list[dict[str, Any]] = json.loads(found.stdout)["data"]
    return data
