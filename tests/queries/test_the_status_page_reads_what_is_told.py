"""The status page: its script parses, it loads nothing, it reads only what the document of a worker has, and its faults stay visible."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, ClassVar

import click
import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

from ops.cli import main
from ops.client import CommandMessage, PersonClient
from ops.workers import Worker
from queries.status.page import HEADERS, PAGE, SCRIPT, STYLE

ROWS = {
    "partition": "installation",
    "topic": "flow.topics",
    "saga": "sagas",
    "agent": "quarantine",
    "letter": "dead_letters",
    "route": "routes",
    "policy": "policies.in_force",
    "reason": "health.reasons",
}
"""How the script names one row of a list of the document."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "saga": dict.fromkeys(("saga", "status", "many", "oldest_seconds", "stalest_seconds", "stalest_step")),
    "agent": dict.fromkeys(("agent", "persons", "oldest_seconds")),
    "letter": dict.fromkeys(("consumer", "cause", "stored", "open")),
    "policy": dict.fromkeys(("policy", "version", "status", "asked", "verdicts", "faults")),
    "reason": dict.fromkeys(("check", "reason")),
}
"""Rows that a worker at rest does not have; their makers are tested in `test_sections_of_the_status_document.py`."""

ARRAY = frozenset({"length", "forEach", "filter", "map", "reduce", "concat", "some"})
TEXT = frozenset({"slice", "replace"})


def tree() -> Node:
    return Parser(Language(tree_sitter_javascript.language())).parse(SCRIPT.encode()).root_node


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def paths(node: Node) -> set[tuple[str, ...]]:
    """Every chain of names `a.b.c` that begins with a variable, at its longest."""
    found = set()
    for one in walk(node):
        if one.type == "member_expression" and (one.parent is None or one.parent.type != "member_expression"):
            text = (one.text or b"").decode()
            if re.fullmatch(r"\w+(\.\w+)+", text):
                found.add(tuple(text.split(".")))
    return found


def held(document: Any, path: tuple[str, ...]) -> bool:
    """Whether a document has a path, up to where it becomes a list, a text or a number."""
    for name in path:
        if isinstance(document, list):
            return name in ARRAY
        if isinstance(document, str):
            return name in TEXT
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return True


def test_the_script_parses() -> None:
    assert not tree().has_error


def test_the_page_loads_nothing_and_the_browser_is_told_so() -> None:
    class Loaded(HTMLParser):
        found: ClassVar[list[str]] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            loading = ("src", "href", "style")
            self.found.extend(f"{tag} {value}" for name, value in attrs if name in loading or name[:2] == "on")

    parser = Loaded()
    parser.feed(PAGE)
    assert set(parser.found) == {"link data:,", "a /status", "a /metrics", "a /readyz"}
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert SCRIPT in PAGE
    assert STYLE in PAGE


def test_every_place_that_the_script_fills_is_in_the_page() -> None:
    filled = set(re.findall(r'(?:put|element|table|sparkline)\("([\w-]+)"', SCRIPT))

    assert filled <= set(re.findall(r'id="([\w-]+)"', PAGE))
    assert len(filled) > 20


def test_texts_are_never_put_in_as_markup() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", SCRIPT)


def test_a_fault_of_the_script_is_shown_and_one_part_does_not_hide_the_others() -> None:
    assert 'addEventListener("error"' in SCRIPT
    assert 'addEventListener("unhandledrejection"' in SCRIPT
    assert '<div id="faults" role="alert" hidden>' in PAGE
    assert "<noscript>" in PAGE


def test_every_command_that_the_page_names_exists() -> None:
    named = re.findall(r'"person ([a-z]+)(?: ([a-z-]+))?[^"]*"\]', SCRIPT)

    assert len(named) >= 5
    for name, part in named:
        verb = main.commands[name]
        assert not isinstance(verb, click.Group) or part in verb.commands, (name, part)


def test_the_page_reads_only_what_the_document_of_a_running_worker_has(team: list[Worker]) -> None:
    document = team[0].page("/status")
    deadline = time.monotonic() + 60
    while not document["flow"]["topics"] and time.monotonic() < deadline:
        # It samples once a second.
        time.sleep(0.1)
        document = team[0].page("/status")
    read = paths(tree())
    of_document = {path[1:] for path in read if path[0] == "doc"}
    assert len(of_document) > 30
    assert {path for path in of_document if not held(document, path)} == set()

    for name, where in ROWS.items():
        rows: Any = document
        for part in where.split("."):
            rows = rows[part]
        example = rows[0] if rows else EXAMPLES[name]
        of_row = {path[1:] for path in read if path[0] == name}
        assert of_row, name
        assert {path for path in of_row if path[0] not in example} == set(), name


async def test_the_document_names_no_person(team: list[Worker], client: PersonClient) -> None:
    name = {"name": {"given_names": ["Unmistakable"]}, "source": "tests"}
    outcome = await client.send(CommandMessage("person.commands.create", name))

    for worker in team:
        for path in ("/status", "/readyz"):
            told = json.dumps(await asyncio.to_thread(worker.page, path))
            assert "Unmistakable" not in told
            assert outcome["person_id"] not in told
            assert re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-", told) == []


def test_a_browser_gets_the_page_a_program_the_document_and_both_get_events(team: list[Worker]) -> None:
    address = f"http://127.0.0.1:{team[0].port}"
    browser = urllib.request.Request(
        f"{address}/status", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    )
    with urllib.request.urlopen(browser, timeout=30) as reply:
        assert reply.headers["Content-Type"].startswith("text/html")
        assert reply.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
        assert reply.read().decode() == PAGE
    with urllib.request.urlopen(f"{address}/status", timeout=30) as reply:
        assert reply.headers["Content-Type"] == "application/json"
        document = json.load(reply)
    assert document["health"]["ready"]
    assert {row["owner"] for row in document["installation"]} == {f"http://127.0.0.1:{one.port}/" for one in team} or {
        row["owner"] for row in document["installation"]
    } == {f"http://127.0.0.1:{one.port}" for one in team}

    with urllib.request.urlopen(f"{address}/status/events", timeout=30) as events:
        assert events.readline() == b"event: status\n"
        told = json.loads(events.readline().removeprefix(b"data: "))
    assert told.keys() == document.keys()
