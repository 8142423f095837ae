"""Takes a condition apart where `&&` and `||` join it, so that each part can be evaluated by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple


class Part(NamedTuple):
    """A part of a condition: all of its parts hold, any of them holds, or it is one that is not taken apart."""

    text: str
    joined: Literal["all", "any"] | None
    parts: tuple[Part, ...] = ()


def parts_of(text: str) -> Part:
    """The parts of an expression that compiles."""
    text = _without_parentheses(text.strip())
    if not _has(text, "?"):
        for operator, joined in (("||", "any"), ("&&", "all")):
            pieces = list(_split(text, operator))
            if len(pieces) > 1:
                return Part(text, "any" if joined == "any" else "all", tuple(map(parts_of, pieces)))
    return Part(text, None)


_OPENING: Final = "([{"
_CLOSING: Final = ")]}"


def _without_parentheses(text: str) -> str:
    while text.startswith("(") and _matching(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _matching(text: str) -> int:
    """Where the parenthesis that begins a text is closed."""
    depth = 0
    for at, character in _code(text):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth == 0:
            return at
    return -1


def _has(text: str, mark: str) -> bool:
    return next(_places(text, mark), None) is not None


def _split(text: str, operator: str) -> Iterator[str]:
    begin = 0
    for at in _places(text, operator):
        yield text[begin:at]
        begin = at + len(operator)
    yield text[begin:]


def _places(text: str, mark: str) -> Iterator[int]:
    """Where a mark stands outside of all brackets and texts."""
    depth = 0
    for at, character in _code(text):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth == 0 and text.startswith(mark, at):
            yield at


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Characters outside of texts in quotes, with their places."""
    at = 0
    while at < len(text):
        character = text[at]
        if character in "'\"":
            quote = character * 3 if text.startswith(character * 3, at) else character
            raw = at > 0 and text[at - 1] in "rR"
            at += len(quote)
            while at < len(text) and not text.startswith(quote, at):
                at += 2 if text[at] == "\\" and not raw else 1
            at += len(quote)
            continue
        yield at, character
        at += 1
