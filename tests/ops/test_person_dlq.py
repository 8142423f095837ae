"""`person dlq`: an operator finds who is parked, looks, redrives and discards, on a running installation."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner
from nats.aio.client import Client

from local.stack import Endpoints
from ops.cli import main
from ops.workers import Worker


@dataclass(frozen=True)
class Invoked:
    """A finished verb."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Person = Callable[..., Invoked]


@pytest.fixture
def person(team: object, servers: Endpoints) -> Person:
    """The command against the shared installation, in this process: these tests run it many times."""
    environment = {"PERSON_NATS_URL": servers.nats_url, "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap}

    def run(*arguments: str) -> Invoked:
        level = logging.getLogger("aiokafka").level
        done = CliRunner().invoke(main, arguments, env=environment)
        logging.getLogger("aiokafka").setLevel(level)
        return Invoked(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def parked(person: Person, servers: Endpoints) -> tuple[str, int]:
    """A person with a poison event of a type that nobody knows, and its stream sequence."""
    created = person("send", "create", "--name", "Quokka Person", "--json").json["data"]
    person_id: str = created["person_id"]
    poison = {"specversion": "1.0", "type": "person.teleported", "subject": person_id, "sequence": 2}
    sequence = asyncio.run(_append(servers.nats_url, person_id, poison))
    deadline = time.monotonic() + 20
    while len(_listed(person, person_id)) < 2:
        assert time.monotonic() < deadline, "the person was not parked"
        time.sleep(0.1)
    return person_id, sequence


def test_list_and_show_tell_who_waits_at_which_event_and_why(person: Person, parked: tuple[str, int]) -> None:
    person_id, sequence = parked

    rows = _listed(person, person_id)
    shown = person("dlq", "show", "fold_persons", person_id, "--json").json["data"]

    assert [row["agent"] for row in rows] == ["fold_persons", "project_timeline"]
    assert {(row["first"], row["last"], row["events"], row["cause"]) for row in rows} == {
        (sequence, sequence, 1, "unknown_type")
    }
    assert shown["parked"] == rows[0]
    [event] = shown["events"]
    assert (event["stream_sequence"], event["type"], event["sequence"]) == (sequence, "person.teleported", 2)
    assert _listed(person, person_id, "--agent", "project_timeline") == rows[1:]
    assert _listed(person, person_id, "--cause", "handler_failed") == []
    assert person_id in person("dlq", "list").out
    assert person("dlq", "show", "project_summary", person_id).code == 1


def test_a_redrive_without_a_fix_ends_with_code_1_and_leaves_the_person_parked(
    person: Person, parked: tuple[str, int]
) -> None:
    person_id, _ = parked

    ran = person("dlq", "redrive", "--person", person_id, "--agent", "fold_persons", "--json")

    assert ran.code == 1
    [done] = ran.json["data"]
    assert (done["events"], done["parked"]["attempts"]) == (0, 2)
    assert [row["attempts"] for row in _listed(person, person_id)] == [2, 1]


def test_a_discarded_event_lets_the_person_flow_and_commands_are_decided_again(
    person: Person, parked: tuple[str, int]
) -> None:
    person_id, sequence = parked
    refused = person("send", "lifecycle.suspend", "--person", person_id, "--reason", "x", "--json").json["data"]
    assert (refused["status"], refused["code"]) == ("failed", "unavailable")
    wrong = person("dlq", "discard", "fold_persons", person_id, str(sequence + 1), "--why", "x", "--yes")
    assert (wrong.code, "not_found" in wrong.err) == (1, True)

    for agent in ("fold_persons", "project_timeline"):
        ran = person("dlq", "discard", agent, person_id, str(sequence), "--why", "a test", "--yes", "--json")
        assert (ran.code, ran.json["data"]["parked"]) == (0, None), ran

    assert _listed(person, person_id) == []
    sent = person("send", "lifecycle.suspend", "--person", person_id, "--reason", "x", "--json").json["data"]
    assert (sent["status"], sent["version"]) == ("accepted", 3)
    place = f"{sent['position']['partition']}:{sent['position']['stream_sequence']}"
    assert person("get", person_id, "--min-position", place, "--json").json["data"]["version"] == 3


def test_acts_that_name_nobody_or_many_ask_first(person: Person, parked: tuple[str, int]) -> None:
    person_id, sequence = parked

    assert person("dlq", "redrive").code == 2
    assert person("dlq", "redrive", "--person", person_id, "--json").code == 2
    assert person("dlq", "redrive", "--person", person_id).code == 1
    assert person("dlq", "discard", "fold_persons", person_id, str(sequence), "--why", "x").code == 1
    assert person("dlq", "discard", "nobody", person_id, str(sequence), "--why", "x", "--yes").code == 1
    assert [row["attempts"] for row in _listed(person, person_id)] == [1, 1]


def test_metrics_count_parked_persons_and_dead_letters(
    person: Person, team: list[Worker], parked: tuple[str, int]
) -> None:
    text = "".join(metrics(worker) for worker in team)

    assert _sum(text, 'person_quarantined_persons{agent="fold_persons"}') >= 1
    assert _sum(text, 'person_dead_letters_stored_total{cause="unknown_type",consumer="fold_persons"}') >= 1
    assert _sum(text, 'person_lane_records_total{[^}]*topic="person.events"}') >= 2
    assert _sum(text, "person_owned_partitions") == 8
    assert "Quokka" not in text


def metrics(worker: Worker) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=5) as reply:
        assert reply.headers["Content-Type"].startswith("text/plain; version=")
        found: str = reply.read().decode()
        return found


def _sum(text: str, sample: str) -> float:
    name = sample.replace("{", r"\{").replace("}", r"\}").replace(r"[^\}]", "[^}]")
    return sum(float(value) for value in re.findall(rf"^{name} (\S+)$", text, re.MULTILINE))


def _listed(person: Person, person_id: str, *options: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = person("dlq", "list", "--person", person_id, *options, "--json").json["data"]
    return sorted(rows, key=lambda row: str(row["agent"]))


async def _append(nats_url: str, person_id: str, document: dict[str, Any]) -> int:
    nc = Client()
    await nc.connect(nats_url)
    try:
        data = json.dumps({**document, "id": str(uuid.uuid4())}).encode()
        reply = await nc.request(f"person.events.identity.updated.{person_id}", data, timeout=5)
        sequence: int = json.loads(reply.data)["seq"]
        return sequence
    finally:
        await nc.close()
