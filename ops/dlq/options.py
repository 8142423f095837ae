"""Options that the verbs of `person dlq` share, and the filters that they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from domain.ids import is_person_id
from ops import output

F = TypeVar("F", bound=Callable[..., Any])

_DURATION = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document {version, status, data, diagnostics}."
)
by_option = click.option("--by", default="user:cli", show_default=True, help="Who does it, as kind:id; it is recorded.")
show_data_option = click.option("--show-data", is_flag=True, help="Values too; they are personal data.")
timeout_option = click.option(
    "--timeout", default=60.0, show_default=True, type=click.FloatRange(1), help="Seconds to wait for one letter."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")

_FILTERS = (
    click.option("--person", "person_id", help="Only letters of this person."),
    click.option("--agent", help="Only what this agent or route could not handle, for instance fold_persons."),
    click.option("--route", help="Only this route: events, commands, foreign, sagas, or a route of the bridge."),
    click.option("--source", help="Only messages of this stream, or of a topic and partition as people-3."),
    click.option("--cause", help="Only this cause, for instance unknown_type."),
    click.option("--older-than", help="Only what has waited longer, as in 10m, 24h or 7d."),
    click.option("--younger-than", help="Only what has waited less long."),
)


def filter_options(verb: F) -> F:
    """The options that narrow letters down."""
    for option in reversed(_FILTERS):
        verb = option(verb)
    return verb


def filters_of(given: Mapping[str, Any], *, as_json: bool) -> dict[str, Any]:
    """The filters of a query from the options of a verb; ends with a usage error for a wrong one."""
    found = {name: given[name] for name in ("person_id", "agent", "route", "source", "cause") if given[name]}
    if "person_id" in found and not is_person_id(found["person_id"]):
        line = "--person must be a UUID in lower case with hyphens, neither nil nor max"
        output.fail(output.EXIT_USAGE, line, as_json=as_json)
    for option, field in (("older_than", "before"), ("younger_than", "since")):
        if given[option] is not None:
            found[field] = _ago(f"--{option.replace('_', '-')}", given[option], as_json)
    return found


def _ago(option: str, text: str, as_json: bool) -> str:
    match = _DURATION.fullmatch(text)
    if match is None:
        output.fail(output.EXIT_USAGE, f"{option} must be a number and s, m, h or d, e.g. 10m", as_json=as_json)
    return (datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})).isoformat()
