"""Options that the verbs of `person dlq` share, and the filters that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from ops import output
from ops.option_rules import require_id, so_long_ago
from queries.dead_letters.letter_id import parsed

F = TypeVar("F", bound=Callable[..., Any])

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
    found = {
        name: given[name] for name in ("person_id", "agent", "route", "source", "cause") if given[name] is not None
    }
    require_id("--person", given["person_id"], as_json=as_json)
    for name, text in found.items():
        # Left out, an empty one would let every letter pass.
        if not text:
            output.fail(output.EXIT_USAGE, f"--{name} must not be empty", as_json=as_json)
    for option, field in (("older_than", "before"), ("younger_than", "since")):
        if given[option] is not None:
            found[field] = so_long_ago(f"--{option.replace('_', '-')}", given[option], as_json=as_json)
    return found


def require_letter(letter: str | None, *, as_json: bool) -> None:
    """The name of a letter, if one is given."""
    try:
        if letter is not None:
            parsed(letter)
    except ValueError as error:
        output.fail(output.EXIT_USAGE, f"LETTER {error}, as `person dlq list` names it", as_json=as_json)
