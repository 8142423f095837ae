"""Links lead somewhere, examples are valid, and no page or file names a machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.canonical import encode
from domain.commands import COMMANDS, read_command
from domain.event_catalogue import EVENTS
from domain.events import read_event, write_event
from domain.process_commands import PROCESS_COMMANDS, read_process_command
from domain.subjects import EventSubject
from tests.docs.generated import REFERENCE, ROOT

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Written in parts, so that this file does not name them either.
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("maven", "org"),
            ("maven", "apache", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("crates", "io"),
            ("golang", "org"),
            ("docker", "io"),
            ("ghcr", "io"),
            ("quay", "io"),
        )
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:" + "|".join(("work", "root", "Users", "home/[a-z]", "mnt")) + r")/")


def blocks(path: Path, language: str) -> Iterator[str]:
    for found, body in FENCE.findall(path.read_text()):
        if found == language:
            yield body


def examples(name: str) -> list[dict[str, Any]]:
    return [json.loads(body) for body in blocks(REFERENCE / name, "json")]


def anchors(text: str) -> set[str]:
    """Anchors of the headings of a page, as forges make them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_relative_link_leads_to_a_file_and_heading(all_pages: Mapping[Path, str]) -> None:
    broken = []
    for path, text in all_pages.items():
        for target in LINK.findall(FENCE.sub("", text)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            if not linked.exists() or (anchor and anchor not in anchors(linked.read_text())):
                broken.append(f"{path.relative_to(ROOT)}: {target}")

    assert not broken


def test_every_page_of_the_documentation_is_reached_from_the_readme(all_pages: Mapping[Path, str]) -> None:
    reached: set[Path] = set()
    to_visit = [ROOT / "README.md"]
    while to_visit:
        path = to_visit.pop()
        if path in reached or path not in all_pages:
            continue
        reached.add(path)
        targets = [target.partition("#")[0] for target in LINK.findall(all_pages[path])]
        to_visit += [(path.parent / target).resolve() for target in targets if target and ":" not in target]

    assert {path for path in all_pages if path.is_relative_to(ROOT / "docs")} <= reached


def test_the_first_screen_names_the_two_commands_and_what_a_machine_needs() -> None:
    screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:40])

    assert "make demo" in screen
    assert "make test" in screen
    assert "Python >= 3.11 and make" in screen


def test_the_targets_that_pages_name_exist(all_pages: Mapping[Path, str]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for text in all_pages.values()
        for target in re.findall(r"(?:^|`)make ([a-z]+)(?=`|$|\s{2,}| PYTHON)", text, re.MULTILINE)
    }

    assert {"demo", "test"} <= named <= targets


def test_every_promise_names_tests_that_exist() -> None:
    page = (REFERENCE / "guarantees.md").read_text().partition("## Promises")[2].partition("\n## ")[0]
    rows = [row.split("|")[1:3] for row in page.splitlines() if row.startswith("| ")][2:]
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    unproved = {promise for promise, proofs in rows if not re.findall(r"`test_\w+`", proofs)}
    missing = {name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in tests}

    assert rows
    assert not unproved
    assert not missing


def test_the_files_that_pages_name_exist(all_pages: Mapping[Path, str]) -> None:
    folders = "agents|bridge|config|domain|lanes|local|ops|queries|tables|tests|benchmarks|requirements"
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in all_pages.items()
        if path.name != "add-a-read-model.md"
        for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", text)
        if not (ROOT / name).exists()
    }

    assert not missing


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATHS], ids=["registry hosts", "machine paths"])
def test_no_file_names_a_machine(pattern: re.Pattern[str], project_files: Sequence[Path]) -> None:
    found = []
    for path in project_files:
        text = path.read_bytes().decode(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(text)]

    assert not found


def test_every_command_has_an_example_that_is_accepted_as_a_command() -> None:
    read = []
    for example in examples("commands.md"):
        reading: Any = read_process_command if example["type"] in PROCESS_COMMANDS else read_command
        command = reading(json.dumps(example).encode(), subject=example["type"], stored_at=datetime.now(UTC))
        read.append(command.type)

    assert sorted(read) == sorted((*COMMANDS, *PROCESS_COMMANDS))


def test_the_command_of_the_guide_is_valid() -> None:
    (body,) = blocks(ROOT / "docs" / "how-to" / "send-commands-from-any-client.md", "json")
    example = json.loads(body)

    read_command(body.encode(), subject=example["type"], stored_at=datetime.fromisoformat(example["time"]))


def test_every_event_has_an_example_that_is_written_as_it_is_read() -> None:
    found = [one for one in examples("events.md") if not one["type"].startswith(("person.saga.", "person.rule."))]

    assert sorted(example["type"] for example in found) == sorted(EVENTS)
    for example in found:
        spec = EVENTS[example["type"]]
        subject = str(EventSubject(spec.context, spec.name, example["subject"], 3))
        event = read_event(json.dumps(example).encode(), subject=subject)
        assert write_event(event) == encode(example), example["type"]


def test_every_json_block_is_json(all_pages: Mapping[Path, str]) -> None:
    for path in all_pages:
        for body in blocks(path, "json"):
            json.loads(body)


def test_every_python_block_compiles(all_pages: Mapping[Path, str]) -> None:
    for path in all_pages:
        for body in blocks(path, "python"):
            compile(body, str(path), "exec")
