"""Imports into running servers and workers: what is held is only brought up to date."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.stack import Endpoints
from ops.client import ClientError, PersonClient
from ops.importing.plan import ImportSourceError
from ops.importing.report import begin_rejects
from ops.importing.sending import send_plan
from ops.importing.sources import Reading, plan_source

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def mapping(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The mapping of the example, for numbers of a system of its own."""
    text = (EXAMPLES / "people.toml").read_text().replace("people-department", request.node.name)
    (tmp_path / "people.toml").write_text(text)
    return tmp_path / "people.toml"


async def test_of_a_changed_file_only_the_differences_are_sent(
    client: PersonClient, servers: Endpoints, mapping: Path, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"

    async def imported(text: str) -> Any:
        file.write_text(text)
        plan = plan_source("csv", file, Reading(mapping))
        return await send_plan("csv", plan, nats=servers.nats_url)

    def counts(report: Any) -> tuple[int, int, int, int]:
        return report.created, report.changed, report.unchanged, report.events

    text = (EXAMPLES / "people.csv").read_text()
    first = await imported(text)
    assert (first.created, first.refused, first.left_out) == (10, [], [])
    assert counts(await imported(text)) == (0, 0, 10, 0)

    edited = (
        text.replace("Programmer", "Engineer")  # 1001: one update
        .replace("on leave", "left")  # 1002: the employment ended, and the person is suspended
        .replace("Cataloguing; Swahili", "Indexing;Swahili")  # 1005: one skill more
        .replace("sukarno@example.org", "nobody")  # 1006: cannot be read, so the address stays
        .replace("11.1992", "12.1992")  # 1007: another birth date is refused
    )
    second = await imported(edited)
    assert counts(second) == (0, 3, 7, 4)
    assert [(refused.line, refused.code) for refused in second.refused] == [(8, "birth_date_already_set")]
    assert [(left.line, left.column) for left in second.left_out] == [(7, "e-mail")]
    assert counts(await imported(edited))[:2] == (0, 0)

    rejects = tmp_path / "rejects.ndjson"
    begin_rejects(rejects)
    second.write_rejects(rejects)
    assert [json.loads(line) for line in rejects.read_text().splitlines()] == [
        {
            "source": "people.csv:7",
            "line": 7,
            "column": "e-mail",
            "field": "EmailAddress.email.address",
            "rule": "email_at_sign",
        },
        {"source": "people.csv:8", "line": 8, "command": "person.commands.update", "rule": "birth_date_already_set"},
    ]

    assert counts(await imported(text))[:3] == (0, 2, 8), "reactivated, and the position as before; nothing is removed"


async def test_users_that_are_not_active_are_suspended(
    client: PersonClient, servers: Endpoints, request: pytest.FixtureRequest
) -> None:
    plan = plan_source("scim", EXAMPLES / "users.scim.json", Reading(system=request.node.name))
    first = await send_plan("scim", plan, nats=servers.nats_url)
    second = await send_plan("scim", plan, nats=servers.nats_url)
    assert (first.created, first.refused, first.left_out) == (4, [], [])
    assert (second.unchanged, second.events) == (4, 0)
    # The second import waited until the tables had everything that the first one changed.
    seen = [(await client.query("get_by_id", {"person_id": person_id}))["data"] for person_id in first.person_ids]
    assert sorted(person["status"] for person in seen) == ["Active", "Active", "Active", "Suspended"]


async def test_a_lost_connection_is_told_once(
    client: PersonClient, servers: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise ClientError("lost")

    monkeypatch.setattr(PersonClient, "publish", lost)
    plan = plan_source("scim", EXAMPLES / "users.scim.json")
    with pytest.raises(ClientError, match="lost"):
        await send_plan("scim", plan, nats=servers.nats_url)


def test_a_file_of_rejects_that_cannot_be_written_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ImportSourceError, match="No such file"):
        begin_rejects(tmp_path / "nowhere" / "rejects.ndjson")


def test_a_csv_file_needs_a_mapping() -> None:
    with pytest.raises(ImportSourceError, match="--mapping"):
        plan_source("csv", EXAMPLES / "people.csv")
