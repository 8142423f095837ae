"""The published rights follow the code, and give nobody more than its part."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.settings import Settings
from domain.commands import COMMANDS
from ops.cli import main
from ops.installation import routes_of
from ops.permissions.files import PUBLISHED, files
from ops.permissions.nats_roles import ADMINISTRATOR, FOR_OPERATORS, WORKER, roles
from ops.permissions.role import Role
from queries.endpoints import ENDPOINTS

EVENTS = "person.events.lifecycle.created.0190c8a2-7b1e-7c3d-9a4f-000000000001"


def matches(pattern: str, subject: str) -> bool:
    wanted, there = pattern.split("."), subject.split(".")
    for number, token in enumerate(wanted):
        if token == ">":
            return len(there) > number
        if number >= len(there) or token not in ("*", there[number]):
            return False
    return len(wanted) == len(there)


def may_publish(role: Role, subject: str) -> bool:
    return any(matches(one, subject) for one in role.publish) and not any(
        matches(one, subject) for one in role.deny_publish
    )


@pytest.fixture(scope="module")
def by_name() -> dict[str, Role]:
    settings = Settings()
    return {role.name: role for role in roles(settings, routes_of(settings))}


def test_the_published_files_are_what_the_code_makes() -> None:
    for name, text in files(Settings()).items():
        assert (PUBLISHED / name).read_text() == text, "write it again with `person permissions --out deploy/security`"


def test_only_workers_and_administrators_may_publish_events(by_name: dict[str, Role]) -> None:
    assert {name for name, role in by_name.items() if may_publish(role, EVENTS)} == {WORKER, ADMINISTRATOR}


@pytest.mark.parametrize("verb", ["DELETE", "UPDATE", "PURGE", "SNAPSHOT", "RESTORE"])
def test_only_administrators_may_change_or_remove_the_stream_of_events(by_name: dict[str, Role], verb: str) -> None:
    subject = f"$JS.API.STREAM.{verb}.PERSON_EVENTS"

    assert {name for name, role in by_name.items() if may_publish(role, subject)} == {ADMINISTRATOR}


def test_only_workers_and_administrators_may_move_the_consumers_of_workers(by_name: dict[str, Role]) -> None:
    for subject in (
        "$JS.API.CONSUMER.DELETE.PERSON_EVENTS.ingress-events-0",
        "$JS.API.CONSUMER.CREATE.PERSON_EVENTS.ingress-events-7",
        "$JS.API.CONSUMER.CREATE.PERSON_EVENTS.ingress-events-7.person.events.>",
        "$JS.API.CONSUMER.MSG.NEXT.PERSON_COMMANDS.ingress-commands",
        "$JS.ACK.PERSON_COMMANDS.ingress-commands.1.1.1.1.1",
    ):
        allowed = {name for name, role in by_name.items() if may_publish(role, subject)}
        assert allowed <= {WORKER, ADMINISTRATOR}, subject


def test_no_two_roles_share_an_inbox_and_no_role_hears_them_all(by_name: dict[str, Role]) -> None:
    for role in by_name.values():
        if role.name != ADMINISTRATOR:
            heard = [one for one in role.subscribe if one.startswith("_INBOX")]
            assert heard == [f"{role.inbox}.>"]


def test_a_client_may_send_what_people_may_send_and_no_command_of_sagas_or_operators(by_name: dict[str, Role]) -> None:
    client = by_name["client"]

    assert may_publish(client, "person.commands.create")
    for spec in COMMANDS.values():
        if spec.kinds and not spec.kinds & {"user", "api", "hr"}:
            assert not may_publish(client, spec.type), spec.type
    assert not may_publish(client, "person.commands.saga.cancel")
    assert not may_publish(client, "person.commands.rules.register")
    assert not may_publish(client, "person.as.client.queries.get_by_id")


def test_a_reader_may_ask_everything_but_what_is_about_dead_letters(by_name: dict[str, Role]) -> None:
    asked = {name for name in ENDPOINTS if may_publish(by_name["reader"], f"person.as.reader.queries.{name}")}

    assert ENDPOINTS.keys() - asked == FOR_OPERATORS
    assert {"discard_dead_letter", "edit_dead_letter", "redrive_dead_letter"} <= FOR_OPERATORS
    assert not may_publish(by_name["reader"], "person.as.operator.queries.get_by_id")


def test_a_neighbour_hears_its_own_commands_and_speaks_for_nobody_else(by_name: dict[str, Role]) -> None:
    git = by_name["neighbour_git"]

    assert may_publish(git, "git.events.author_identified")
    assert not may_publish(git, "identity.events.identity_created")
    assert may_publish(git, "$JS.API.CONSUMER.CREATE.PERSON_OUTBOUND.neighbour-git.git.commands.>")
    assert not may_publish(git, "$JS.API.CONSUMER.CREATE.PERSON_OUTBOUND.neighbour-git.identity.commands.>")
    assert not may_publish(git, "$JS.API.CONSUMER.CREATE.PERSON_OUTBOUND.neighbour-git")


def test_rights_follow_the_name_and_the_routes_of_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_name: dict[str, Role]
) -> None:
    packaged = (Path(__file__).parents[2] / "config" / "routes.toml").read_text()
    route = """
[[route]]
name = "orders"
direction = "egress"
source = { topic = "orders" }
target = { stream = "ORDERS", subject = "orders.{key}" }
"""
    (tmp_path / "routes.toml").write_text(packaged + route)
    monkeypatch.setenv("PERSON_APP_ID", "people")
    monkeypatch.setenv("PERSON_ROUTES_FILE", str(tmp_path / "routes.toml"))

    ran = CliRunner().invoke(main, ["permissions", "--out", str(tmp_path / "out"), "--json"])

    assert ran.exit_code == 0, ran.output
    assert len(json.loads(ran.stdout)["data"]["files"]) == 2 + len(by_name)
    worker = json.loads((tmp_path / "out" / "nats-roles.json").read_text())["worker"]["pub"]["allow"]
    assert {"orders.*", "$JS.API.STREAM.MSG.GET.ORDERS", "person.internal.*.>"} <= set(worker)
    script = (tmp_path / "out" / "kafka-acls.sh").read_text()
    assert re.search(r'add "\$WORKER" --operation Describe --operation Read --topic orders\n', script)
    assert "--group people-egress-orders" in script
    assert "--topic people-persons-changelog" in script
