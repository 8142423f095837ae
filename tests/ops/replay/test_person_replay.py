"""`person replay` gives the stored events, or the rows that a fold makes of them, and nobody notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from nats.aio.client import Client

from bridge.jetstream import api
from config.settings import Settings
from config.streams import EVENTS
from local.stack import Endpoints
from ops.cli import main
from ops.client import CommandMessage, PersonClient
from ops.replay.events import into_file
from ops.replay.rows import ReplayError, foldable, rows_into_file, rows_into_table
from ops.replay.selection import Selection
from tests.ops.conftest import REPOSITORY as ROOT

PERSONS = 12


@pytest.fixture
async def persons(client: PersonClient) -> Sequence[str]:
    """Persons of this test, each with three events."""
    ids = [str(uuid.uuid4()) for _ in range(PERSONS)]
    name = {"given_names": ["Ada"], "family_names": ["Lovelace"]}

    async def live(person_id: str) -> None:
        for kind, data in (
            ("create", {"name": name, "source": "test"}),
            ("lifecycle.suspend", {"reason": "test"}),
            ("lifecycle.reactivate", {"reason": "test"}),
        ):
            outcome = await client.send(CommandMessage(f"person.commands.{kind}", data, person_id))
            assert outcome["status"] == "accepted", outcome

    await asyncio.gather(*(live(one) for one in ids))
    return ids


def person(servers: Endpoints, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=ROOT, env=environment(servers), capture_output=True, text=True, timeout=60
    )


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ops.cli", "replay", *arguments]


def environment(servers: Endpoints) -> dict[str, str]:
    return {**os.environ, **addresses(servers)}


def addresses(servers: Endpoints) -> dict[str, str]:
    return {"PERSON_NATS_URL": servers.nats_url, "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap}


class Recording(Client):
    """A connection that notes where it publishes."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    async def publish(self, subject: str, *arguments: Any, **options: Any) -> None:
        self.subjects.append(subject)
        await super().publish(subject, *arguments, **options)


async def test_a_replay_that_was_killed_ends_with_the_bytes_of_one_that_was_not(
    servers: Endpoints, nc: Client, persons: Sequence[str], tmp_path: Path
) -> None:
    last = str((await api(nc, f"STREAM.INFO.{EVENTS}"))["state"]["last_seq"])
    wanted = ("--to-sequence", last, "--type", "person.created", "--type", "person.suspended")
    whole, cut = tmp_path / "whole.ndjson", tmp_path / "cut.ndjson"
    done = person(servers, *wanted, "--into", str(whole), "--json")
    assert done.returncode == 0, done.stderr

    process = subprocess.Popen(  # noqa: ASYNC220  # it is killed below
        command(*wanted, "--into", str(cut), "--rate", "40"),
        cwd=ROOT,
        env=environment(servers),
        stderr=subprocess.DEVNULL,
    )
    checkpoint = cut.with_name(f"{cut.name}.checkpoint")
    async with asyncio.timeout(30):
        while not checkpoint.exists():  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert 0 < cut.stat().st_size < whole.stat().st_size
    again = person(servers, *wanted, "--into", str(cut), "--json")

    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["data"]["resumed_behind"] > 0
    assert cut.read_bytes() == whole.read_bytes()
    told = [json.loads(line) for line in whole.read_text().splitlines()]
    assert set(persons) <= {one["subject"] for one in told}


async def test_a_replay_asks_jetstream_and_sends_nothing_else(
    servers: Endpoints, persons: Sequence[str], tmp_path: Path
) -> None:
    settings = Settings(nats_url=servers.nats_url, kafka_bootstrap=servers.kafka_bootstrap)
    nc = Recording()
    await nc.connect(servers.nats_url)
    try:
        found = await into_file(nc, Selection(), tmp_path / "events.ndjson", rate=None, shown=False)
        await rows_into_file(
            nc, settings, Selection(), "fold_persons", tmp_path / "rows.ndjson", rate=None, shown=False
        )
    finally:
        await nc.close()

    assert found.events >= 3 * len(persons)
    assert {one.partition(".")[0] for one in nc.subjects} == {"$JS"}


async def test_a_dry_run_counts_and_writes_nothing(servers: Endpoints, persons: Sequence[str], tmp_path: Path) -> None:
    done = person(servers, "--person", persons[0], "--dry-run", "--into", str(tmp_path / "no.ndjson"), "--json")

    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert (data["events"], data["persons"]) == (3, 1)
    assert data["types"] == {"person.activated": 1, "person.created": 1, "person.suspended": 1}
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_the_rows_of_a_fold_are_those_of_the_table(
    servers: Endpoints, client: PersonClient, persons: Sequence[str], tmp_path: Path
) -> None:
    settings = Settings(nats_url=servers.nats_url, kafka_bootstrap=servers.kafka_bootstrap)
    path = tmp_path / "rows.ndjson"

    await rows_into_file(client.nc, settings, Selection(), "project_summary", path, rate=None, shown=False)

    rows = {one["key"]: one["row"] for one in map(json.loads, path.read_text().splitlines())}
    for person_id in persons:
        asked = {"projection": "summary", "key": person_id}
        [shown] = (await client.query("get_projection", asked))["data"]
        assert rows[person_id] == shown


async def test_the_rows_of_a_past_moment_go_into_a_new_table(
    servers: Endpoints, client: PersonClient, persons: Sequence[str], read_topic: Any
) -> None:
    settings = Settings(nats_url=servers.nats_url, kafka_bootstrap=servers.kafka_bootstrap)
    table = f"t{uuid.uuid4().hex[:10]}"
    [created, *_] = (await client.query("get_timeline", {"person_id": persons[0], "order": "asc"}))["data"]
    past = Selection(person_id=persons[0], last_sequence=created["position"]["stream_sequence"])

    made = await rows_into_table(client.nc, settings, past, "fold_persons", table, rate=None, shown=False)

    assert made.rows == 1
    [record] = await read_topic(f"person-{table}-changelog", created["position"]["partition"])
    assert record.key == persons[0].encode()
    assert json.loads(record.value)["version"] == 1


@pytest.mark.parametrize(
    "selection", [Selection(types=("person.created",)), Selection(first_sequence=2)], ids=["types", "first_sequence"]
)
def test_a_fold_begins_at_the_first_event_of_a_person(selection: Selection) -> None:
    with pytest.raises(ReplayError, match="from its first event on"):
        foldable(selection)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "--into FILE is missing"),
        (("--type", "person.flew", "--dry-run"), "there is no such event"),
        (("--person", "ada", "--dry-run"), "--person must be a UUID"),
        (("--table", "x", "--dry-run"), "--table is for the rows of an --agent"),
        (("--agent", "project_summary", "--table", "x", "--into", "y"), "choose one"),
        (("--agent", "project_summary", "--table", "summary"), "is a table of the installation"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_to_do(
    servers: Endpoints, arguments: tuple[str, ...], line: str
) -> None:
    done = CliRunner().invoke(main, ["replay", "--json", *arguments], env=addresses(servers))

    assert done.exit_code == 2
    assert line in json.loads(done.stdout)["diagnostics"][0]
