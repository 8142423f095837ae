"""`person routes` says which routes there are, how far each is behind and who carries it; `--check` refuses a wrong file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config.streams import NEIGHBOURS
from ops.workers import Worker

if TYPE_CHECKING:
    from tests.ops.conftest import Person

ENTRY = """
[[route]]
name = "x"
direction = "egress"
source = { topic = "nobody.made.this" }
target = { stream = "NOBODY", subject = "nobody.{key}" }
"""


def test_the_packaged_routes_are_carried_by_the_owners_of_their_partitions(team: list[Worker], person: Person) -> None:
    listed = person("routes", "--json")

    assert listed.code == 0
    entries = {entry["name"]: entry for entry in listed.json["data"]}
    assert set(entries) == {"events", "commands", "sagas", "timers", *NEIGHBOURS}
    carried = sorted(place for owner in entries["events"]["owners"] for place in owner["carries"])
    assert carried == [f"ingress-events-{partition}" for partition in range(8)]
    assert [owner["carries"] for owner in entries["commands"]["owners"]] == [["ingress-commands"]]
    assert len(entries["events"]["owners"]) == len(team)
    assert all(entry["last_error"] is None and entry["lag"] >= 0 for entry in entries.values())
    # A neighbour's stream may be there by now: then somebody carries it, else somebody waits for it.
    assert all(bool(entries[name]["owners"]) != entries[name]["waits_for_stream"] for name in NEIGHBOURS)


def test_the_list_is_readable(person: Person) -> None:
    listed = person("routes")

    assert listed.code == 0
    assert "PERSON_COMMANDS > -> person.commands" in listed.out
    assert ": ingress-commands" in listed.out


def test_check_accepts_what_runs(person: Person) -> None:
    checked = person("routes", "--check")

    assert (checked.code, checked.out) == (0, "the routes are in order\n")


def test_check_names_line_and_rule_of_a_wrong_file(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(ENTRY.replace("{key}", "{colour}"))

    checked = person("routes", "--check", environment={"PERSON_ROUTES_FILE": str(file)})

    assert checked.code == 2
    assert 'mine.toml line 6: route "x": target.subject: there is no placeholder {colour}' in checked.err


def test_check_names_the_topic_that_is_missing(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("include_packaged = true\n" + ENTRY)

    checked = person("routes", "--check", environment={"PERSON_ROUTES_FILE": str(file)})

    assert checked.code == 1
    assert 'route "x": topic nobody.made.this does not exist in Kafka' in checked.err


def test_a_worker_with_a_wrong_file_ends_with_the_same_line(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(ENTRY)

    ended = person("worker", environment={"PERSON_ROUTES_FILE": str(file)})

    assert ended.code == 2
    assert "person worker: mine.toml: no route feeds topic person.events" in ended.err
