"""The commands of a page: its `sh` fences with what the comments before them say, and the output that the page promises.

A comment of its own on the line before a fence says how it is run; without one it is run at once, and must succeed:

    <!-- servers until: TEXT -->      the servers of the walk: started once for all pages, here or by the page before
    <!-- background until: TEXT -->   runs on while the page goes on, and is ended with it; TEXT is what it prints when it is there
    <!-- exits with: N -->            the last command ends with N
    <!-- file: NAME -->               no command: the fence, of any language, is the content of a file
    <!-- run -->                      a fence of Python is run, too
    <!-- long: REASON -->             left to `make docs`
    <!-- long background until: T --> the same, and it runs on
    <!-- not run: REASON -->          cannot be run there either

`<!-- page long: REASON -->` and `<!-- page not run: REASON -->` stand for every fence of a page. A fence `output` behind a command holds
lines that it prints, in this order; `…` stands for anything, ids and times for any other."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NEED_A_VALUE = ("servers until", "background until", "long background until", "exits with", "file", "long", "not run")
MARKS = (*NEED_A_VALUE, "run")
FENCE = re.compile(
    r"(?:^[ ]*<!--[ ](?P<mark>[a-z ]+?)(?::(?P<value>[^\n]*?))?[ ]-->\n+)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
PAGE = re.compile(r"^<!-- page (?P<mark>long|not run): (?P<value>.+) -->$", re.MULTILINE)
COMMAND = re.compile(
    r"^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?"
    r"(?:person|make|curl|kill|export|kubectl|docker|git|faust|nats|python3?|pip|cd|promtool|uv|cat|echo|rm|cp|mkdir)(?: |$)",
    re.MULTILINE,
)


class PageError(Exception):
    """A page is written in a way that a walk cannot follow; the message names page, line and rule."""


@dataclass(frozen=True)
class Snippet:
    """One fence that a walk handles. `output`: lines that it must print."""

    page: Path
    line: int
    language: str
    mark: str
    value: str
    text: str
    output: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.page.name}:{self.line}"


def snippets(page: Path) -> list[Snippet]:
    """What a walk handles on a page, in order; raises PageError for a mark that does not exist and for a command in a plain fence."""
    text = page.read_text()
    whole = PAGE.search(text)
    found: list[Snippet] = []
    for fence in FENCE.finditer(text):
        line = text.count("\n", 0, fence.start("language")) + 1
        one = Snippet(
            page,
            line,
            fence["language"],
            fence["mark"] or (whole["mark"] if whole else ""),
            (fence["value"] or "").strip() or (whole["value"] if whole and not fence["mark"] else ""),
            textwrap.dedent(fence["body"]),
        )
        if one.language == "output":
            if not found:
                raise PageError(f"{one.place}: an output has no command before it")
            found[-1] = _with_output(found[-1], one.text)
        elif _is_handled(one):
            found.append(one)
    return found


def _is_handled(one: Snippet) -> bool:
    if one.mark and one.mark not in MARKS:
        # A comment of another kind, such as that of a generated part.
        one = Snippet(one.page, one.line, one.language, "", "", one.text)
    if one.language in ("", "console", "bash", "shell") and COMMAND.search(one.text) and one.mark != "not run":
        raise PageError(f"{one.place}: a fence with commands must be marked `sh`, or say why it is not run")
    if one.mark in NEED_A_VALUE and not one.value:
        raise PageError(f"{one.place}: the mark `{one.mark}` needs a value")
    return one.language == "sh" or one.mark in ("file", "run")


def _with_output(command: Snippet, output: str) -> Snippet:
    return Snippet(command.page, command.line, command.language, command.mark, command.value, command.text, output)


def differences(promised: str, printed: str) -> Iterator[str]:
    """Promised lines that were not printed behind the ones before."""
    lines = iter(printed.splitlines())
    for wanted in promised.splitlines():
        pattern = _pattern(wanted)
        if wanted.strip() and not any(pattern.fullmatch(_plain(line)) for line in lines):
            yield wanted


_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def _plain(line: str) -> str:
    return " ".join(_TIME.sub("<time>", _ID.sub("<id>", line)).split())


def _pattern(wanted: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in _plain(wanted).split("…")))
