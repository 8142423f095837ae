"""The commands of tutorial, guides, runbook and reference are typed into a shell, in order, and do what the page says.

One installation serves all of them: the one that the tutorial starts. What takes long is left to `make docs`; what cannot be run says why."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.docs.snippets import PageError, differences, snippets
from tests.docs.walk import ROOT, Walk, Walked, copy_of_project, pages, warm_process

PAGES = tuple(page for page in pages() if "```sh" in page.read_text())


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("walk")
    with (
        warm_process(folder / "person.socket") as warm,
        copy_of_project(folder / "copy", long=False, warm=warm) as walk,
    ):
        yield walk


@pytest.fixture(scope="module")
def walked() -> dict[Path, Walked]:
    """What became of the pages so far."""
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_it_says(page: Path, walk: Walk, walked: dict[Path, Walked]) -> None:
    walked[page] = walk.follow(page)


def test_pages_leave_nothing_beside_the_project(walk: Walk, walked: Mapping[Path, Walked]) -> None:
    if not walked:
        pytest.skip("no page was followed")

    assert walk.left_behind() == []


def test_what_a_walk_starts_ends_with_it_also_when_it_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    walker = (
        "import subprocess, sys, time; from tests.docs.walk import tied; "
        "subprocess.Popen(tied('sh', '-c', f'echo $$ > {sys.argv[1]}.new; mv {sys.argv[1]}.new {sys.argv[1]}; exec sleep 60'),"
        " start_new_session=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", walker, str(told)], cwd=ROOT)
    try:
        until(told.exists)
    finally:
        process.kill()
        process.wait(5)

    until(lambda: not Path(f"/proc/{told.read_text().strip()}").exists())


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_entry_pages_say_where_the_command_comes_from(all_pages: Mapping[Path, str]) -> None:
    entries = (
        "README.md",
        "docs/README.md",
        "docs/tutorial/first-steps.md",
        "docs/runbook/README.md",
        "docs/reference/cli.md",
    )

    assert [name for name in entries if "PATH=$PWD/.venv/bin:$PATH" not in all_pages[ROOT / name]] == []


def test_nothing_was_left_out_without_a_reason(walked: Mapping[Path, Walked]) -> None:
    if not walked:
        pytest.skip("no page was followed")
    for page in PAGES:
        if page in walked:
            one = walked[page]
            assert one.run + one.repeated + len(one.reasons) == len(snippets(page)), page.name
            assert all(reason.split(": ")[-1] for reason in one.reasons)


def test_every_page_says_of_each_of_its_commands_how_it_is_run(all_pages: Mapping[Path, str]) -> None:
    wrong = []
    for path in all_pages:
        if "adr" not in path.parts:
            try:
                snippets(path)
            except PageError as error:
                wrong.append(str(error))

    assert not wrong


def test_the_index_leads_to_every_page(all_pages: Mapping[Path, str]) -> None:
    docs = ROOT / "docs"
    index = docs / "README.md"
    linked = {(docs / target).resolve() for target in re.findall(r"\]\(([^)#]+)", index.read_text())}
    # Decisions and alerts have an index of their own.
    listed = {path for path in all_pages if path.is_relative_to(docs) and path.parent.name not in ("adr", "runbook")}

    assert listed - {index} <= linked


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("```\nperson doctor\n```\n", "must be marked `sh`"),
        ("<!-- long: -->\n```sh\nmake demo\n```\n", "needs a value"),
        ("```output\nfine\n```\n", "no command before it"),
    ],
    ids=["plain", "reason", "output"],
)
def test_a_page_that_cannot_be_followed_is_refused_with_its_line(text: str, rule: str, tmp_path: Path) -> None:
    with pytest.raises(PageError, match=rf"page\.md:\d: .*{rule}"):
        snippets(page(tmp_path, text))


def test_marks_files_and_promises_are_read_from_a_page(tmp_path: Path) -> None:
    found = snippets(
        page(
            tmp_path,
            "<!-- file: a.toml -->\n```toml\na = 1\n```\n1. Indented:\n\n   <!-- exits with: 1 -->\n   ```sh\n   false\n   ```\n\n"
            "   ```output\n   no\n   ```\n",
        )
    )

    assert [(one.mark, one.value, one.text, one.output) for one in found] == [
        ("file", "a.toml", "a = 1\n", ""),
        ("exits with", "1", "false\n", "no\n"),
    ]


def test_promised_lines_are_looked_for_in_order_whatever_ids_and_times_are() -> None:
    printed = "accepted  command 01a2084d-70f2-71df-a3b6-11ec7d23d377\nposition  6:14\nat 2026-01-01T00:00:00.5Z\n"

    assert not list(differences("accepted  command 00000000-0000-0000-0000-000000000001\nposition  6:…\n", printed))
    assert list(differences("position  6:…\naccepted …\n", printed)) == ["accepted …"]
    assert list(differences("position  7:…\n", printed)) == ["position  7:…"]
