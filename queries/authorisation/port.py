"""The port: who wants to do what with which resource, and the verdict with its reason.

Guarantee: an adapter decides from memory and never raises; what it does not know is denied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

Action = Literal["query", "page"]
ANONYMOUS: Final = "anonymous"
"""Whoever gives no name; nobody can be given this one."""


class Asked(NamedTuple):
    """A question for the port. `resource` is the name of a query or the path of a page, `who` the name of a principal."""

    who: str
    action: Action
    resource: str


class Verdict(NamedTuple):
    """`reason` says why not, in words for the one who asked."""

    allowed: bool
    reason: str = ""


ALLOWED: Final = Verdict(True)

Authorise = Callable[[Asked], Verdict]
"""The port."""


def open_to_all(_asked: Asked) -> Verdict:
    """Everybody who reaches the worker may do everything."""
    return ALLOWED


def closed_to_all(_asked: Asked) -> Verdict:
    """Nobody may do anything: no grants were made."""
    return Verdict(
        False, "nobody was granted anything here: the worker needs PERSON_GRANTS_FILE, or PERSON_ACCESS=open"
    )
