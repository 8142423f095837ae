"""Finds the line on which a table or key of a TOML document stands, which the parser of the standard library does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""\s*(?P<name>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_TEXT = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*|[\[\]{}]')


def lines_of(text: str) -> Mapping[Path, int]:
    """Line numbers, from 1, of every table and every key that stands at the start of a line of a valid document.

    A path names tables and keys from the top; an element of an array of tables is counted from 0.
    """
    found: dict[Path, int] = {(): 1}
    counts: dict[Path, int] = {}
    table: Path = ()
    open_text = ""
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not open_text and depth == 0:
            header = _HEADER.match(line)
            if header:
                table = _table(_parts(header["name"]), counts, is_array=header[1] == "[[")
                found.setdefault(table, number)
                continue
            key = _KEY.match(line)
            if key:
                found.setdefault((*table, *_parts(key["name"])), number)
                line = line[key.end() :]
        open_text, depth = _state_after(line, open_text, depth)
    return found


def line_of(lines: Mapping[Path, int], path: Sequence[str | int]) -> int:
    """The line of a path, or of the nearest table or key above it that has a line of its own.

    Parts that are no names of the document, like those that a validator adds, are passed over.
    """
    at: Path = ()
    line = lines.get((), 1)
    for part in path:
        if any(known[: len(at) + 1] == (*at, part) for known in lines):
            at = (*at, part)
            line = lines.get(at, line)
    return line


def _table(parts: list[str], counts: dict[Path, int], *, is_array: bool) -> Path:
    """The path of a table header: names of arrays of tables above it stand for their last element."""
    path: Path = ()
    for index, part in enumerate(parts):
        path = (*path, part)
        if is_array and index == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _parts(name: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(name)]


def _state_after(line: str, open_text: str, depth: int) -> tuple[str, int]:
    """The mark of a text of several lines that is still open, and how deep arrays and inline tables are nested."""
    at = 0
    while at < len(line):
        if open_text:
            end = line.find(open_text, at)
            if end < 0:
                return open_text, depth
            at, open_text = end + 3, ""
            continue
        token = _TEXT.search(line, at)
        if token is None:
            break
        at = token.end()
        if token[0] in ('"""', "'''"):
            open_text = token[0]
        elif token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
    return open_text, depth
