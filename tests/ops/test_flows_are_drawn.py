"""`person trace` without servers: causes that are made again from ids, and how a flow is told."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from click.testing import CliRunner

import domain.translate
from bridge.jetstream import Delivery
from config import streams
from domain.ids import NS, derive
from domain.relations import LocationType
from ops.cli import main
from ops.trace.causes import ADAPTER_RULES, UNPROVED, with_causes
from ops.trace.drawing import flow, lines
from ops.trace.gathering import CLOCKS_DIFFER, begin_of
from ops.trace.hop import Hop, hop_of

T0 = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
PERSON = derive(NS, "ada")
ROOT = "01a20d3e-1c5f-7b42-8d0c-2f6f1f1c9a11"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give MESSAGE_ID, or --person with --event"),
        ((ROOT, "--person", PERSON, "--event", "1"), "give MESSAGE_ID, or --person with --event"),
        (("--event", "1"), "give both"),
        (("x",), "MESSAGE_ID must be a UUID"),
        ((ROOT, "--person", "x"), "--person must be a UUID"),
    ],
    ids=["nothing", "both", "event alone", "no id", "no person"],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(main, ["trace", *arguments])

    assert (done.exit_code, said in done.output) == (2, True), done.output


def test_servers_that_do_not_answer_have_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSON_NATS_URL", "nats://127.0.0.1:1")
    done = CliRunner().invoke(main, ["trace", ROOT, "--json"])

    found = json.loads(done.output)
    assert (done.exit_code, found["status"], found["data"]) == (4, "error", None)
    assert "no NATS server answers" in found["diagnostics"][0]


def made(name: str) -> str:
    return derive(NS, name)


def hop(name: str, cause: str, ms: int, **fields: Any) -> Hop:
    given: dict[str, Any] = {
        "kind": "event",
        "type": "person.created",
        "stream": streams.EVENTS,
        "stream_sequence": ms,
        "stored_at": T0 + timedelta(milliseconds=ms),
        "person_id": PERSON,
        "depth": 0,
        "correlation": ROOT,
        **fields,
    }
    return Hop(id=name, causation=cause, **given)


def rows(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = list(found["messages"])
    while waiting:
        row = waiting.pop(0)
        yield row
        waiting = [*row["effects"], *waiting]


def test_a_root_that_was_removed_is_named_by_its_event() -> None:
    [root, event] = sorted(with_causes([hop(made("e"), ROOT, 5)], {}), key=lambda one: one.kind)

    assert (root.id, root.causation, root.kind, root.stream, root.detail) == (ROOT, ROOT, "command", "", "")
    assert event.stream == streams.EVENTS


def test_the_command_of_a_policy_is_led_back_to_its_event() -> None:
    trigger = hop(made("trigger"), ROOT, 1)
    command = derive(derive(NS, "policy:welcome-email@2"), trigger.id)
    effect = hop(made("effect"), command, 2, actor="policy:welcome-email@2")

    found = {one.id: one for one in with_causes([trigger, effect], {})}

    assert (found[command].causation, found[command].detail) == (trigger.id, "")


@pytest.mark.parametrize("index", ["0", PERSON], ids=["named", "linked"])
def test_the_command_of_an_adapter_is_led_back_to_the_event_of_the_neighbour(index: str) -> None:
    answer = hop(made("answer"), ROOT, 1, kind="answer", stream="IDENTITY_EVENTS")
    command = derive(answer.id, f"person/verify_identity/{index}")
    effect = hop(made("effect"), command, 2, actor="adapter:identity")

    found = {one.id: one for one in with_causes([answer, effect], {})}

    assert found[command].causation == answer.id


def test_a_command_whose_cause_nothing_proves_is_a_top_that_says_so() -> None:
    found = {one.id: one for one in with_causes([hop(made("e"), made("c"), 1, actor="policy:gone@1")], {})}

    assert (found[made("c")].causation, found[made("c")].detail) == (made("c"), UNPROVED)


def test_names_of_adapter_commands_are_those_that_translators_use() -> None:
    used: set[str] = set()
    for file in Path(next(iter(domain.translate.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Wish":
                rule = node.args[0]
                if isinstance(rule, ast.Constant):
                    used.add(str(rule.value))
                else:
                    assert ast.unparse(rule) == "f'assign_location:{location_type}'"
                    used |= {f"assign_location:{one}" for one in get_args(LocationType)}

    assert set(ADAPTER_RULES) == used


def test_siblings_come_in_the_order_in_which_they_were_stored() -> None:
    root = hop(ROOT, ROOT, 0, kind="command", type="person.commands.create", stream=streams.COMMANDS)
    late, early = hop(made("late"), ROOT, 9), hop(made("early"), ROOT, 4)
    named = Hop(made("named"), "command", "command", ROOT, ROOT, 1)
    below = hop(made("below"), named.id, 6)

    found = flow([late, below, named, early, root])

    assert [row["id"] for row in found["messages"][0]["effects"]] == [early.id, named.id, late.id]
    assert [row["after_ms"] for row in rows(found)] == [0, 4, None, 6, 9]
    assert found["faults"] == []


def test_a_flow_is_drawn_with_times_places_and_what_is_visible() -> None:
    root = hop(
        ROOT, ROOT, 0, kind="command", type="person.commands.create", stream=streams.COMMANDS, outcome="accepted"
    )
    event = hop(made("event"), ROOT, 21, version=1, visible=True)
    waits = hop(made("waits"), ROOT, 30, version=2, visible=False)
    named = Hop(made("named"), "command", "command", event.id, ROOT, 1)

    drawn = list(lines(flow([root, event, waits, named, hop(made("last"), named.id, 40)])))

    assert [re.sub(r" {2}[0-9a-f-]{36}$", "", line) for line in drawn[1:]] == [
        "     +0 ms  command  person.commands.create accepted  [PERSON_COMMANDS 0]",
        "    +21 ms  ├─ event  person.created 1  [PERSON_EVENTS 21, visible]",
        "            │  └─ command  command  [not in the stream]",
        "    +40 ms  │     └─ event  person.created  [PERSON_EVENTS 40]",
        "    +30 ms  └─ event  person.created 2  [PERSON_EVENTS 30, not visible yet]",
    ]


def test_a_circle_of_causes_is_told_and_ends() -> None:
    found = flow([hop(made("a"), made("b"), 1), hop(made("b"), made("a"), 2)])

    assert [fault["fault"] for fault in found["faults"]] == ["cycle"]


def stored(stream: str, subject: str, document: dict[str, Any], headers: dict[str, str] | None = None) -> Hop:
    found = hop_of(
        stream, Delivery(subject, orjson.dumps(document), headers or {}, 7, 1, 1_700_000_000_000_000_000, "")
    )
    assert found is not None
    return found


def test_no_hop_tells_what_a_message_is_about() -> None:
    document = {
        "id": ROOT,
        "type": "person.commands.lifecycle.record_death",
        "subject": PERSON,
        "actor": "user:cli",
        "data": {"cause": "a secret", "code": "secret", "step": "secret", "name": "Ada"},
    }

    for stream in (streams.COMMANDS, streams.OUTBOUND, streams.neighbour_stream("git")):
        assert "secret" not in repr(stored(stream, "person.commands.x", document))


def test_a_dead_letter_is_caused_by_what_could_not_be_handled() -> None:
    headers = {
        "Dead-Letter-Consumer": "translate_git",
        "Dead-Letter-Cause": "unresolved_person",
        "Dead-Letter-Reason": "nobody",
    }
    letter = stored(streams.DEAD_LETTERS, "person.dlq.x", {"id": made("e"), "correlationid": ROOT}, headers)

    assert (letter.kind, letter.causation, letter.detail) == (
        "dead letter",
        made("e"),
        "translate_git unresolved_person nobody",
    )
    assert letter.id != made("e")


def test_the_time_of_an_id_tells_where_to_begin() -> None:
    made_at = datetime.fromtimestamp(int(ROOT.replace("-", "")[:12], 16) / 1000, UTC)

    assert begin_of(ROOT) == made_at - CLOCKS_DIFFER
    assert begin_of(made("x")) is None
    assert begin_of("x") is None


def test_what_is_not_known_is_left_out() -> None:
    [row] = flow([replace(hop(ROOT, ROOT, 1), person_id="")])["messages"]

    assert not {"person_id", "saga_id", "version", "visible", "outcome"} & row.keys()
