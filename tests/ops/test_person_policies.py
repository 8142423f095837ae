"""`person policies`: documents are checked offline, tried on the past, put in force and explained on a running installation."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from local.stack import Endpoints
from ops.cli import main
from ops.client import PersonClient
from ops.policies import what_if

PATIENCE_S = 20.0
DOCUMENT = """
policy_id = "{policy_id}"
title = "Flag short names of one person"
trigger = "person.name_updated"
condition = '''
  event.subject == "{person_id}"
    && (facts.name_shortest_part < 3 || event.data.new_name.given_names[0] == "Nobody")
'''

[command]
type = "person.commands.policy.flag_quality"
data = {{ flag = "short_name" }}

[[examples]]
expect = "fires"
event = {{ subject = "{person_id}", data = {{ new_name = {{ given_names = ["Jo"] }} }} }}
facts = {{ name_shortest_part = 2 }}

[[examples]]
expect = "silent"
event = {{ data = {{ new_name = {{ given_names = ["Jo"] }} }} }}
"""


DENYING = """
policy_id = "no-archive-by-jobs"
title = "Jobs archive nobody"
effect = "deny"
trigger = "person.commands.lifecycle.archive"
condition = "command.actor.startsWith('job:')"

[[examples]]
expect = "fires"
command = { actor = "job:cleanup", data = { reason = "stale" } }

[[examples]]
expect = "silent"
command = { actor = "user:ada", data = { reason = "left" } }
"""


@dataclass(frozen=True)
class Invoked:
    """A finished verb."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        assert self.out, f"exit code {self.code}: {self.err}"
        return json.loads(self.out)["data"]


Verb = Callable[..., Invoked]


@pytest.fixture
def verb(team: object, servers: Endpoints) -> Verb:
    """The command against the shared installation, in this process: these tests run it many times."""
    environment = {"PERSON_NATS_URL": servers.nats_url, "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap}
    return lambda *arguments: _run(arguments, environment)


def _run(arguments: tuple[str, ...], environment: dict[str, str] | None = None) -> Invoked:
    level = logging.getLogger("aiokafka").level
    done = CliRunner().invoke(main, arguments, env=environment)
    logging.getLogger("aiokafka").setLevel(level)
    return Invoked(done.exit_code, done.stdout, done.stderr)


def document(folder: Path, person_id: str, **replaced: str) -> Path:
    """A document about one person, so that nobody else on the shared servers notices it."""
    text = DOCUMENT.format(policy_id=f"short-{uuid.uuid4().hex[:8]}", person_id=person_id)
    for old, new in replaced.items():
        text = text.replace(old, new)
    path = folder / f"{uuid.uuid4().hex[:8]}.toml"
    path.write_text(text)
    return path


def policy_of(path: Path) -> str:
    return path.read_text().split('"')[1]


def named(verb: Verb, person_id: str, given: str) -> str:
    """The id of the event that gives a person another name."""
    name = json.dumps({"name": {"given_names": [given], "family_names": ["Lovelace"]}})
    done = verb("send", "update", "--person", person_id, "--data", name, "--json")
    assert done.code == 0, done.out
    event_id: str = done.data["events"][0]["id"]
    return event_id


def counted(verb: Verb, name: str, verdict: str, count: int) -> dict[str, Any]:
    """The row of a version once it has so many decisions of a kind."""
    policy_id, _, version = name.partition("@")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        rows = verb("policies", "list", "--policy", policy_id, "--decisions", "--json").data
        [row] = [row for row in rows if row["version"] == int(version)]
        if row["counters"].get(verdict, 0) >= count:
            found: dict[str, Any] = row
            return found
        assert time.monotonic() < deadline, row
        time.sleep(0.1)


def in_force(verb: Verb, name: str, person_id: str, verdict: str, initial: str) -> str:
    """The first event after a change that the policy decides on with a verdict; workers hear of a change within two seconds."""
    before = 0
    for attempt in range(20):
        event_id = named(verb, person_id, initial + "abcdefghijklmnopqrst"[attempt])
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            explained = verb("policies", "explain", name, event_id, "--person", person_id, "--json").data
            if any(one["verdict"] == verdict for one in explained["recorded"]):
                return event_id
            time.sleep(0.1)
        before += 1
    raise AssertionError(f"{before} events, and no decision {verdict}")


def store_strangers(servers: Endpoints, event_id: str) -> None:
    """Puts into the event stream what is no event: by its subject, and by its bytes."""

    async def store() -> None:
        async with PersonClient(servers.nats_url) as client:
            for whom in ("nobody", str(uuid.uuid4())):
                subject = f"person.events.identity.updated.{whom}"
                await client.nc.jetstream().publish(subject, f'{{"id": "{event_id}"'.encode())

    asyncio.run(store())


def test_a_document_is_validated_without_a_server_and_a_fault_is_shown_at_its_place(tmp_path: Path) -> None:
    person_id = str(uuid.uuid4())
    good = document(tmp_path, person_id)
    done = _run(("policies", "validate", str(good)))
    assert (done.code, done.out.split()[0]) == (0, "ok")
    assert "2 examples as expected" in done.out

    wrong = document(tmp_path, person_id, **{"facts.name_shortest_part": "facts.name_shortest"})
    done = _run(("policies", "validate", str(wrong), str(good)))
    assert done.code == 1
    fault, excerpt, mark = done.out.splitlines()[1:4]
    assert fault.startswith("      document.condition: line 1, column ")
    assert "facts has no 'name_shortest'" in fault
    assert excerpt[mark.index("^") :].startswith(".name_shortest <")
    [one, _] = json.loads(_run(("policies", "validate", str(wrong), str(good), "--json")).out)["data"]
    assert (one["field"], one["rule"], one["policy"]) == ("document.condition", "unknown_field", None)

    broken = tmp_path / "broken.toml"
    broken.write_text("policy_id = ")
    done = _run(("policies", "validate", str(broken), str(tmp_path / "missing.toml")))
    assert done.code == 1
    assert "is no TOML" in done.out
    assert "cannot be read" in done.out


def test_a_policy_is_tried_on_the_past_shadowed_activated_and_explained(
    verb: Verb, servers: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = verb("send", "create", "--name", "Ada Lovelace", "--json").data
    person_id, first = created["person_id"], created["events"][0]["id"]
    past, silent = named(verb, person_id, "Jo"), named(verb, person_id, "Augusta")
    path = document(tmp_path, person_id)
    policy_id = policy_of(path)

    tried = verb("policies", "what-if", str(path), "--days", "1", "--person", person_id, "--json").data
    assert (tried["events"], tried["verdicts"]) == (2, {"silent": 1, "would_fire": 1})
    [command] = tried["commands"]
    assert (command["event_id"], command["type"]) == (past, "person.commands.policy.flag_quality")

    applied = verb("policies", "apply", str(path))
    assert applied.out.startswith(f"{policy_id}@1 registered\nnext: ")
    assert "registered already" in verb("policies", "apply", str(path)).out
    assert verb("policies", "shadow", policy_id).code == 0
    shadowed = in_force(verb, f"{policy_id}@1", person_id, "would_fire", "J")
    assert verb("policies", "activate", policy_id).out.startswith(f"{policy_id}@1 activated")
    fired = in_force(verb, f"{policy_id}@1", person_id, "fired", "K")
    row = counted(verb, f"{policy_id}@1", "fired", 1)
    assert (row["status"], row["counters"]["would_fire"] >= 1) == ("active", True)

    # What a replay finds is what the running system has decided: the same commands by id. What is no event stops it nowhere.
    store_strangers(servers, fired)
    ways = []
    for one_read_from in (0, 10**9):
        monkeypatch.setattr(what_if, "EVENTS_PER_READ", one_read_from)
        ways.append(verb("policies", "what-if", policy_id, "--days", "1", "--limit", "100", "--json").data)
    assert ways[0] == ways[1]
    replayed = ways[0]
    commands = {one["event_id"]: one["command_id"] for one in replayed["commands"]}
    for event_id in (shadowed, fired):
        explained = verb("policies", "explain", policy_id, event_id, "--json").data
        assert explained["same_inputs"] is True
        assert {one["command_id"] for one in explained["recorded"]} == {commands[event_id]}
    assert command["command_id"] == commands[past]

    before = verb("policies", "explain", policy_id, past).out
    assert "recorded  nothing: the policy was not in force then" in before
    other = verb("policies", "explain", policy_id, first, "--person", person_id).out
    assert "not asked: the event is person.created, and the policy is asked about person.name_updated" in other
    told = verb("policies", "explain", policy_id, silent, "--person", person_id)
    assert told.code == 0
    lines = [line.strip() for line in told.out.splitlines()]
    assert lines[0] == f"policy    {policy_id}@1 (active)"
    assert "verdict   silent" in lines
    assert f'true         event.subject == "{person_id}"' in lines
    assert "false        facts.name_shortest_part < 3" in lines
    assert 'false        event.data.new_name.given_names[0] == "Nobody"' in lines
    assert "Augusta" not in told.out
    assert "reads     facts.name_shortest_part = 7" in lines
    open_told = verb("policies", "explain", policy_id, silent, "--person", person_id, "--show-data")
    assert "Augusta" in open_told.out

    assert verb("policies", "suspend", policy_id).code == 0
    again = verb("policies", "suspend", policy_id)
    assert (again.code, "policy_transition" in again.out) == (1, True)
    assert verb("policies", "retire", policy_id).code == 2
    assert verb("policies", "retire", f"{policy_id}@1").code == 0
    # Each worker hears of it within two seconds.
    deadline = time.monotonic() + 30
    while (listed := verb("policies", "list", "--policy", policy_id).out.splitlines()[1].split()[:2])[1] != "retired":
        assert time.monotonic() < deadline, listed
    assert listed == [f"{policy_id}@1", "retired"]


def test_mistakes_are_told_in_one_line(verb: Verb, tmp_path: Path) -> None:
    person_id, event_id = str(uuid.uuid4()), str(uuid.uuid4())
    path = document(tmp_path, person_id, **{"[command]": "protected = true\n[command]"})
    policy_id = policy_of(path)
    assert verb("policies", "apply", str(path)).code == 0
    denying = tmp_path / "denying.toml"
    denying.write_text(DENYING)
    mistakes = {
        ("shadow", "unheard-of"): (2, "no policy 'unheard-of' is registered"),
        ("shadow", f"{policy_id}@99"): (2, f"{policy_id} has no version 99; there are: 1"),
        ("shadow", "Auto Archive"): (2, "is no policy"),
        ("suspend", policy_id, "--actor", "ada"): (2, "--actor must have the form"),
        ("explain", policy_id, "nobody"): (2, "EVENT_ID must be a UUID"),
        ("explain", str(path), event_id): (2, f"there is no event {event_id} of type person.name_updated"),
        ("what-if", str(tmp_path / "missing.toml")): (2, "cannot be read"),
        ("what-if", str(path), "--person", "nobody"): (2, "--person must be a UUID"),
        ("explain", str(denying), event_id): (2, "is a deny rule: it is asked about commands, which are not kept"),
        ("what-if", str(denying)): (2, "is a deny rule: commands are not kept, so there is nothing to replay"),
    }
    for arguments, (code, line) in mistakes.items():
        done = verb("policies", *arguments)
        assert (done.code, line in done.err) == (code, True), (arguments, done)

    wrong = document(tmp_path, person_id, **{"person.name_updated": "person.created"})
    refused = verb("policies", "apply", str(wrong))
    assert (refused.code, "policy_invalid: document.condition: line 1" in refused.err) == (1, True)

    protected = verb("policies", "suspend", policy_id)
    assert (protected.code, "policy_protected" in protected.out) == (1, True)
