"""The verbs of the `person` command against a running installation, as a user types them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from domain.commands import COMMANDS
from domain.process_commands import PROCESS_COMMANDS
from ops.cli import main
from ops.worker_folder import FolderInUseError, hold
from queries.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from local.stack import Endpoints
    from ops.workers import Worker
    from tests.ops.conftest import Person


def test_send_prints_the_outcome_and_get_reads_the_person(person: Person) -> None:
    sent = person("send", "create", "--name", "Grace Hopper", "--json")
    assert sent.code == 0
    outcome = sent.json["data"]
    position = f"{outcome['position']['partition']}:{outcome['position']['stream_sequence']}"

    read = person("get", outcome["person_id"], "--min-position", position, "--json")

    assert read.json["data"]["summary"]["display_name"] == "Grace Hopper"
    timeline = person("timeline", outcome["person_id"])
    assert "Person created" in timeline.out
    assert person("outcome", outcome["command_id"], "--json").json["data"] == outcome


def test_a_refused_command_says_why_and_ends_with_code_1(person: Person) -> None:
    refused = person("send", "lifecycle.suspend", "--person", "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60", "--reason", "x")

    assert refused.code == 1
    assert "person_not_found" in refused.out


def test_sending_without_waiting_prints_the_id_under_which_the_outcome_is_found(person: Person) -> None:
    sent = person("send", "create", "--name", "No Wait", "--no-wait", "--json")

    assert sent.code == 0
    assert sent.json["data"]["status"] == "stored"


def test_importing_twice_changes_nothing(person: Person, tmp_path: Path) -> None:
    cards = tmp_path / "two.vcf"
    cards.write_text(
        "".join(
            f"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEMAIL:{name.split()[0].lower()}@example.org\r\nEND:VCARD\r\n"
            for name in ("Imported Once", "Imported Twice")
        )
    )

    first = person("import", "vcard", str(cards), "--json").json["data"]
    second = person("import", "vcard", str(cards), "--json").json["data"]

    assert (first["created"], first["events"], first["refused"]) == (2, 4, [])
    assert (second["created"], second["unchanged"], second["events"], second["refused"]) == (0, 2, 0, [])
    assert sorted(first["person_ids"]) == sorted(second["person_ids"])


def test_a_dry_run_sends_nothing(person: Person) -> None:
    report = person("import", "vcard", "examples", "--dry-run", "--json").json["data"]

    assert report["persons"] > 40
    assert (report["created"], report["events"]) == (0, 0)
    assert any("kind is not individual" in line for line in report["left_out"])


def test_doctor_finds_a_running_installation_healthy(person: Person) -> None:
    findings = {finding["check"]: finding for finding in person("doctor", "--json").json["data"]}

    healthy = ("NATS", "JetStream", "Kafka", "workers", "stream PERSON_EVENTS", "topic person.events", "disk")
    assert all(findings[check]["ok"] for check in healthy)
    assert findings["workers"]["found"].startswith("2 answer queries")


def test_the_help_of_send_lists_every_command() -> None:
    with click.Context(main.commands["send"], info_name="person send") as context:
        text = main.commands["send"].get_help(context)

    named = set(text.split("Commands:")[1].split())
    assert named == {name.removeprefix("person.commands.") for name in (*COMMANDS, *PROCESS_COMMANDS)}


def test_the_help_of_query_lists_every_endpoint() -> None:
    with click.Context(main.commands["query"], info_name="person query") as context:
        text = main.commands["query"].get_help(context)

    assert set(text.split("Endpoints:")[1].split()) == set(ENDPOINTS)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("get", "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"), 4, "no NATS server answers at nats://127.0.0.1:1"),
        (("send", "create", "--name", "X"), 4, "no NATS server answers at nats://127.0.0.1:1"),
        (("send", "create", "--data", "{"), 2, "--data is no JSON"),
        (("send", "promote", "--person", "x"), 2, "there is no command 'promote'; there are: component.add"),
        (("query", "find"), 2, "there is no query 'find'; there are: count_dead_letters"),
        (("send", "lifecycle.suspend", "--reason", "x"), 2, "--person is missing"),
        (("send", "lifecycle.suspend", "--person", "abc"), 2, "--person must be a UUID"),
        (("send", "create", "--name", "X", "--id", "abc"), 2, "--id must be a UUID"),
        (("send", "saga.cancel", "--person", "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"), 2, "--target is for commands on"),
        (("send", "rules.activate", "--target", "Auto Archive"), 2, "--target must be the name of a policy"),
        (("sagas", "list", "--older-than", "soon"), 2, "--older-than must be a number and s, m, h or d"),
        (("sagas", "show", "abc"), 2, "SAGA_ID must be a UUID"),
        (("sagas", "retry", "0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60"), 2, "Missing option '--reason'"),
        (("sagas", "list"), 4, "no NATS server answers at nats://127.0.0.1:1"),
        (("send", "create", "--name", "X", "--data", '{"name": "Y"}'), 2, "--name and name in --data are given"),
        (("send", "create", "--name", "1"), 2, "--name: "),
        (("timeline", "x", "--type", "suspended"), 2, "no event type"),
        (("import", "git", "no-such-folder"), 2, "no-such-folder"),
        (("worker",), 4, "no NATS server answers at nats://127.0.0.1:1"),
        (("no-such-verb",), 2, "No such command"),
    ],
)
def test_without_servers_each_verb_says_in_one_line_what_to_do(
    person_alone: Person, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ran = person_alone(
        *arguments,
        environment={"PERSON_NATS_URL": "nats://127.0.0.1:1", "PERSON_KAFKA_BOOTSTRAP": "127.0.0.1:1"},
    )

    assert ran.code == code
    assert says in ran.err
    assert "Traceback" not in ran.err + ran.out


def test_one_address_of_ones_own_without_the_other_is_refused(person_alone: Person) -> None:
    ran = person_alone("up", environment={"PERSON_NATS_URL": "nats://127.0.0.1:1"})

    assert ran.code == 1
    assert "PERSON_NATS_URL is set and PERSON_KAFKA_BOOTSTRAP is not: set both" in ran.err


def test_a_wrong_setting_is_named(person_alone: Person) -> None:
    ran = person_alone("doctor", environment={"PERSON_PARTITIONS": "many"})

    assert ran.code == 2
    assert "PERSON_PARTITIONS" in ran.err


def test_a_worker_without_kafka_says_so(person_alone: Person, servers: object) -> None:
    ran = person_alone(
        "worker",
        environment={
            "PERSON_NATS_URL": servers.nats_url,  # type: ignore[attr-defined]
            "PERSON_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        },
    )

    assert ran.code == 3
    assert "no Kafka broker answers at 127.0.0.1:1" in ran.err


def test_a_second_worker_on_a_folder_that_is_in_use_says_who_has_it(
    person_alone: Person, team: list[Worker], servers: Endpoints
) -> None:
    ran = person_alone(
        "worker",
        "--data",
        str(team[0].data),
        environment={"PERSON_NATS_URL": servers.nats_url, "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap},
    )

    assert ran.code == 2
    assert f"data folder {team[0].data}: the worker with process id {team[0].process.pid} uses it. End that" in ran.err
    assert ran.err.count("\n") == 1


def test_a_folder_is_free_again_when_its_process_has_ended(tmp_path: Path) -> None:
    lock = hold(tmp_path / "new")
    with pytest.raises(FolderInUseError, match=f"process id {os.getpid()} uses it"):
        hold(tmp_path / "new")
    os.close(lock)
    os.close(hold(tmp_path / "new"))

    (tmp_path / "file").touch()
    with pytest.raises(FolderInUseError, match="cannot be written"):
        hold(tmp_path / "file")


def test_a_folder_on_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(FolderInUseError, match=rf"{tmp_path}: cannot be written \(No space left on device\)"):
        hold(tmp_path)


def test_a_stream_with_another_configuration_stops_the_worker_with_the_difference(
    person_alone: Person, team: object, servers: object
) -> None:
    ran = person_alone(
        "worker",
        environment={
            "PERSON_NATS_URL": servers.nats_url,  # type: ignore[attr-defined]
            "PERSON_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,  # type: ignore[attr-defined]
            "PERSON_PARTITIONS": "4",
        },
    )

    assert ran.code == 4
    assert "stream PERSON_EVENTS exists with another configuration: subject_transform.dest" in ran.err


def test_every_verb_has_help_with_an_example() -> None:
    verbs = dict(main.commands)
    for name, group in main.commands.items():
        if isinstance(group, click.Group):
            verbs |= {f"{name} {part}": verb for part, verb in group.commands.items()}
    for name, verb in verbs.items():
        with click.Context(verb, info_name=f"person {name}") as context:
            text = verb.get_help(context)
        assert f"person {name}" in text.split("Example", 1)[1], name
