"""`person routes` says which routes there are, how far each is behind and who carries it; `--check` refuses a wrong file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from config.streams import NEIGHBOURS
from local.stack import Endpoints
from ops.workers import Worker

ENTRY = """
[[route]]
name = "x"
direction = "egress"
source = { topic = "nobody.made.this" }
target = { stream = "NOBODY", subject = "nobody.{key}" }
"""


def test_the_packaged_routes_are_carried_by_the_owners_of_their_partitions(
    team: list[Worker], servers: Endpoints
) -> None:
    code, out, _ = person(servers, "routes", "--json")

    assert code == 0
    entries = {entry["name"]: entry for entry in json.loads(out)["data"]}
    assert set(entries) == {"events", "commands", "sagas", "timers", *NEIGHBOURS}
    carried = sorted(place for owner in entries["events"]["owners"] for place in owner["carries"])
    assert carried == [f"ingress-events-{partition}" for partition in range(8)]
    assert [owner["carries"] for owner in entries["commands"]["owners"]] == [["ingress-commands"]]
    assert len(entries["events"]["owners"]) == len(team)
    assert all(entry["last_error"] is None and entry["lag"] >= 0 for entry in entries.values())
    # A neighbour's stream may be there by now: then somebody carries it, else somebody waits for it.
    assert all(bool(entries[name]["owners"]) != entries[name]["waits_for_stream"] for name in NEIGHBOURS)


def test_the_list_is_readable(team: list[Worker], servers: Endpoints) -> None:
    code, out, _ = person(servers, "routes")

    assert code == 0
    assert "PERSON_COMMANDS > -> person.commands" in out
    assert ": ingress-commands" in out


def test_check_accepts_what_runs(team: list[Worker], servers: Endpoints) -> None:
    assert person(servers, "routes", "--check")[:2] == (0, "the routes are in order\n")


def test_check_names_line_and_rule_of_a_wrong_file(servers: Endpoints, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(ENTRY.replace("{key}", "{colour}"))

    code, _, error = person(servers, "routes", "--check", PERSON_ROUTES_FILE=str(file))

    assert code == 2
    assert 'mine.toml line 6: route "x": target.subject: there is no placeholder {colour}' in error


def test_check_names_the_topic_that_is_missing(team: list[Worker], servers: Endpoints, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("include_packaged = true\n" + ENTRY)

    code, _, error = person(servers, "routes", "--check", PERSON_ROUTES_FILE=str(file))

    assert code == 1
    assert 'route "x": topic nobody.made.this does not exist in Kafka' in error


def test_a_worker_with_a_wrong_file_ends_with_the_same_line(servers: Endpoints, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(ENTRY)

    code, _, error = person(servers, "worker", PERSON_ROUTES_FILE=str(file))

    assert code == 2
    assert "person worker: mine.toml: no route feeds topic person.events" in error


def person(servers: Endpoints, *arguments: str, **settings: str) -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "PERSON_NATS_URL": servers.nats_url,
        "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        **settings,
    }
    found = subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return found.returncode, found.stdout, found.stderr
