"""Rules of options and arguments that several verbs share. One that is broken ends the verb with a usage error in the words of the option."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from domain.envelope import ACTOR_KINDS, ACTOR_PATTERN
from domain.ids import is_person_id
from ops import output

REASON_LENGTH = 500
_DURATION = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def require_id(option: str, given: str | None, *, as_json: bool) -> None:
    """An id of a person, a saga or a message, if one is given."""
    if given is not None and not is_person_id(given):
        line = f"{option} must be a UUID in lower case with hyphens, neither nil nor max"
        output.fail(output.EXIT_USAGE, line, as_json=as_json)


def require_actor(option: str, given: str, *, as_json: bool) -> None:
    """Who does something."""
    if re.fullmatch(ACTOR_PATTERN, given) is None:
        line = f"{option} must have the form kind:id, e.g. user:ada; kinds are {', '.join(ACTOR_KINDS)}"
        output.fail(output.EXIT_USAGE, line, as_json=as_json)


def require_reason(option: str, given: str, *, as_json: bool) -> None:
    """Why somebody does something; it is recorded."""
    if not 1 <= len(given) <= REASON_LENGTH:
        line = f"{option} must have 1 to {REASON_LENGTH} characters, and has {len(given)}"
        output.fail(output.EXIT_USAGE, line, as_json=as_json)


def so_long_ago(option: str, given: str, *, as_json: bool) -> str:
    """The instant that lies as long ago as the option says, as in `10m`; RFC 3339."""
    match = _DURATION.fullmatch(given)
    if match is None:
        output.fail(output.EXIT_USAGE, f"{option} must be a number and s, m, h or d, e.g. 10m", as_json=as_json)
    try:
        return (datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})).isoformat()
    except OverflowError:
        output.fail(output.EXIT_USAGE, f"{option} {given} lies before the first year", as_json=as_json)
