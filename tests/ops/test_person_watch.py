"""`person watch` and `person query` as a user types them."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ops.conftest import Person


def test_watch_and_query_print_rows_as_lines(person: Person) -> None:
    label = f"watch-{uuid.uuid4().hex}"
    created = person("send", "create", "--name", "Watched Person", "--json").json["data"]
    person_id = created["person_id"]
    data = json.dumps({"component_type": "Tag", "data": {"label": label}})
    added = person("send", "component.add", "--person", person_id, "--data", data, "--json").json["data"]
    place = f"{added['position']['partition']}:{added['position']['stream_sequence']}"
    assert person("get", person_id, "--min-position", place).code == 0
    filters = ("--filter", json.dumps({"tag": label}))

    watched = person("watch", *filters, "--messages", "2", "--json")
    lines = [json.loads(line) for line in watched.out.splitlines()]
    text = person("watch", *filters, "--messages", "2").out.splitlines()
    streamed = person("query", "get_events", "--data", json.dumps({"person_id": person_id}), "--stream")
    answered = person("query", "get_chain", "--data", json.dumps({"person_id": person_id}), "--json")

    assert [one["op"] for one in lines] == ["snapshot", "caught_up"]
    assert lines[0]["row"]["display_name"] == "Watched Person"
    assert text[0] == f"snapshot  {person_id}  event    2  Active Watched Person"
    assert text[1] == "caught_up"
    assert text[2].startswith("go on with --from 0:")
    assert [json.loads(line)["sequence"] for line in streamed.out.splitlines()] == [1, 2]
    assert answered.json["data"]["data"]["length"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("watch", "--filter", "{"), "--filter is no JSON"),
        (("watch", "--filter", "[]"), "--filter must be a JSON object"),
        (("watch", "--from", "3"), "--from has the form PARTITION:SEQUENCE"),
        (("query", "get_by_id", "--data", "7"), "--data must be a JSON object"),
    ],
)
def test_wrong_options_are_named(person_alone: Person, arguments: tuple[str, ...], says: str) -> None:
    ran = person_alone(*arguments)

    assert ran.code == 2
    assert says in ran.err
