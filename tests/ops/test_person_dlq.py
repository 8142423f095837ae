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
from pathlib import Path
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


def test_list_show_and_stats_tell_who_waits_at_which_event_and_why(person: Person, parked: tuple[str, int]) -> None:
    person_id, sequence = parked

    rows = _listed(person, person_id)
    shown = person("dlq", "show", f"fold_persons/{person_id}", "--json").json["data"]
    counts = person("dlq", "stats", "--person", person_id, "--json").json["data"]

    assert [row["agent"] for row in rows] == ["fold_persons", "project_timeline"]
    assert [row["letter"] for row in rows] == [f"{row['agent']}/{person_id}/{sequence}" for row in rows]
    told = {(row["kind"], row["route"], row["stream_sequence"], row["waiting"], row["cause"]) for row in rows}
    assert told == {("person", "events", sequence, 1, "unknown_type")}
    assert shown["row"] == rows[0]
    [event] = shown["events"]
    assert (event["stream_sequence"], event["type"], event["sequence"]) == (sequence, "person.teleported", 2)
    assert "data" not in event
    assert (counts["letters"], counts["by_cause"], counts["by_age"]) == (2, {"unknown_type": 2}, {"under_1h": 2})
    assert _listed(person, person_id, "--agent", "project_timeline") == rows[1:]
    assert _listed(person, person_id, "--cause", "handler_failed") == []
    assert _listed(person, person_id, "--older-than", "1h") == []
    assert _listed(person, person_id, "--younger-than", "1h") == rows
    assert rows[0]["letter"] in person("dlq", "list", "--person", person_id).out
    assert person("dlq", "show", f"project_summary/{person_id}").code == 1


def test_a_redrive_without_a_fix_ends_with_code_1_and_leaves_the_person_parked(
    person: Person, parked: tuple[str, int]
) -> None:
    person_id, sequence = parked

    ran = person("dlq", "redrive", "--person", person_id, "--agent", "fold_persons", "--json")
    tried = person("dlq", "dry-run", f"fold_persons/{person_id}", "--json")

    assert ran.code == 1
    [done] = ran.json["data"]
    assert (done["events"], done["parked"]["attempts"]) == (0, 2)
    assert [row["attempts"] for row in _listed(person, person_id)] == [2, 1]
    assert (tried.code, tried.json["data"]["fails_at"], tried.json["data"]["cause"]) == (1, sequence, "unknown_type")
    [act] = person("dlq", "history", f"fold_persons/{person_id}/{sequence}", "--json").json["data"]
    assert (act["act"], act["by"], act["why"]) == ("redrive_failed", "user:cli", "no reason given")


def test_a_discarded_event_lets_the_person_flow_and_commands_are_decided_again(
    person: Person, parked: tuple[str, int]
) -> None:
    person_id, sequence = parked
    refused = person("send", "lifecycle.suspend", "--person", person_id, "--reason", "x", "--json").json["data"]
    assert (refused["status"], refused["code"]) == ("failed", "unavailable")
    wrong = person("dlq", "discard", f"fold_persons/{person_id}/{sequence + 1}", "--why", "x", "--yes", "--json")
    assert (wrong.code, wrong.json["data"][0]["code"]) == (1, "not_found")

    ran = person("dlq", "discard", "--person", person_id, "--why", "a test", "--yes", "--json")

    assert (ran.code, [(one["done"], one["parked"]) for one in ran.json["data"]]) == (0, [(True, None)] * 2), ran
    assert _listed(person, person_id) == []
    acts = person("dlq", "history", f"fold_persons/{person_id}/{sequence}", "--json").json["data"]
    assert {(act["act"], act["why"], act["agent"]) for act in acts} == {
        ("discarded", "a test", "fold_persons"),
        ("discarded", "a test", "project_timeline"),
    }
    sent = person("send", "lifecycle.suspend", "--person", person_id, "--reason", "x", "--json").json["data"]
    assert (sent["status"], sent["version"]) == ("accepted", 3)
    place = f"{sent['position']['partition']}:{sent['position']['stream_sequence']}"
    assert person("get", person_id, "--min-position", place, "--json").json["data"]["version"] == 3


def test_an_edited_copy_takes_the_place_of_the_event_for_every_agent_that_waits_at_it(
    person: Person, parked: tuple[str, int], tmp_path: Path
) -> None:
    person_id, sequence = parked
    letter = f"fold_persons/{person_id}/{sequence}"
    [event] = person("dlq", "show", letter, "--show-data", "--json").json["data"]["events"]
    document = json.loads(event["data"])
    asked = json.dumps({"person_id": person_id, "limit": 1})
    [first] = person("query", "get_events", "--data", asked, "--json").json["data"]["data"]
    mended = {
        **json.loads(first["stored"]),
        **document,
        "type": "person.updated",
        "dataversion": 1,
        "data": {"name": {"given_names": ["Mended"]}},
    }
    file = tmp_path / "event.json"

    def edit(**changes: Any) -> Invoked:
        file.write_text(json.dumps({**mended, **changes}))
        return person("dlq", "edit", letter, "--file", str(file), "--why", "a test", "--by", "user:ada", "--json")

    for wrong in ({"type": "person.teleported"}, {"sequence": 9}, {"subject": str(uuid.uuid4())}, {"id": "x"}):
        assert edit(**wrong).code == 1, wrong
    kept = edit()
    tried = person("dlq", "dry-run", letter, "--json").json["data"]
    ran = person("dlq", "redrive", "--person", person_id, "--yes", "--json")

    assert kept.code == 0, kept
    assert tried["fails_at"] is None
    assert {row["table"] for row in tried["rows"]} >= {"persons", "summary"}
    assert all("after" not in field for row in tried["rows"] for field in row["fields"])
    assert (ran.code, [one["done"] for one in ran.json["data"]]) == (0, [True, True]), ran
    shown = person("get", person_id, "--json").json["data"]
    assert (shown["version"], shown["name"]["given_names"]) == (2, ["Mended"])
    entries = person("timeline", person_id, "--json").json["data"]
    assert [entry["sequence"] for entry in entries] == [1, 2]
    chain = person("query", "get_chain", "--data", json.dumps({"person_id": person_id, "verify": True}), "--json")
    assert chain.json["data"]["data"]["intact"] is True
    acts = person("dlq", "history", letter, "--json").json["data"]
    assert [(act["act"], act["by"]) for act in acts][-1] == ("edited", "user:ada")
    assert acts[-1]["digest"] is not None


def test_a_letter_or_a_route_that_is_not_there_is_an_error_and_no_empty_list(
    person: Person, parked: tuple[str, int]
) -> None:
    unknown = person("dlq", "redrive", "999999")
    route = person("dlq", "list", "--route", "nosuch")
    narrow = person("dlq", "list", "--cause", "no_such_cause")

    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.err == "person: 999999  not_found: no such dead letter is open\n"
    assert (route.code, route.out) == (1, "")
    assert "route: there is no such route; there are: agent, commands, events, foreign" in route.err
    assert re.search("nothing that waits passes the filters; `person dlq stats` counts all [0-9]+ by route", narrow.out)
    assert narrow.code == 0


def test_acts_that_name_nobody_or_many_ask_first(person: Person, parked: tuple[str, int]) -> None:
    person_id, sequence = parked
    letter = f"fold_persons/{person_id}/{sequence}"

    assert person("dlq", "redrive").code == 2
    assert person("dlq", "redrive", letter, "--person", person_id).code == 2
    assert person("dlq", "redrive", "--person", person_id, "--json").code == 2
    assert person("dlq", "redrive", "--person", person_id).code == 1
    assert person("dlq", "discard", letter, "--why", "x").code == 1
    assert person("dlq", "discard", f"nobody/{person_id}/{sequence}", "--why", "x", "--yes").code == 1
    assert person("dlq", "discard", f"fold_persons/{person_id}", "--why", "x", "--yes").code == 1
    assert person("dlq", "show", "fold persons").code == 2
    assert person("dlq", "list", "--older-than", "yesterday").code == 2
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
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=30) as reply:
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
        reply = await nc.request(f"person.events.identity.updated.{person_id}", data, timeout=30)
        sequence: int = json.loads(reply.data)["seq"]
        return sequence
    finally:
        await nc.close()
