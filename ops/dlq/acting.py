"""`person dlq redrive` and `discard`: acts on one letter, or on all that pass the filters, counted before and slowed down on request."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

import click

from ops import output
from ops.client import PersonClient
from ops.dlq import letters, telling
from ops.dlq.options import (
    by_option,
    filter_options,
    filters_of,
    require_letter,
    timeout_option,
    yes_option,
)
from ops.option_rules import require_actor, require_reason
from ops.options import as_json_option
from queries.dead_letters.requests import NO_REASON

WithClient = Callable[[Callable[[PersonClient], Coroutine[Any, Any, Any]], bool], Any]

FEW = 20
"""Results of so many letters are all told; of more only those that stay open, and how far it is."""
TELL_EVERY_S = 2.0

rate_option = click.option("--rate", type=click.FloatRange(0, min_open=True), help="Letters a second at most.")
limit_option = click.option("--limit", type=click.IntRange(1), help="Letters at most, those that wait longest.")
all_option = click.option("--all", "everything", is_flag=True, help="Everything that waits.")


def add_acting(dlq: click.Group, with_client: WithClient) -> None:
    """Add the verbs to the group."""

    @dlq.command()
    @click.argument("letter", required=False)
    @filter_options
    @all_option
    @limit_option
    @rate_option
    @yes_option
    @click.option("--why", default=NO_REASON, show_default=True, help="Why; it is recorded.")
    @by_option
    @timeout_option
    @as_json_option
    def redrive(letter: str | None, why: str, **given: Any) -> None:
        """Bring LETTER, or all letters that pass the filters, to where they failed again. Exit code 1 when one stays open.

        Those of a person come in order. A letter that was redriven is not redriven again, so a run that was cut off goes on
        where it stopped. With an edited copy the copy is taken.

        \b
        Examples:
          person dlq redrive --person ID
          person dlq redrive --agent project_summary --rate 50 --yes
          person dlq redrive 17
        """
        _act(with_client, "redrive", letter, why, given)

    @dlq.command()
    @click.argument("letter", required=False)
    @filter_options
    @all_option
    @limit_option
    @rate_option
    @yes_option
    @click.option("--why", required=True, help="Why it may be left out, 1 to 500 characters; it is recorded.")
    @by_option
    @timeout_option
    @as_json_option
    def discard(letter: str | None, why: str, **given: Any) -> None:
        """Leave out LETTER, or all letters that pass the filters, for ever. What waits behind an event is redriven.

        The message stays where it is stored. LETTER of a parked person names the event, as AGENT/PERSON_ID/STREAM_SEQUENCE.

        \b
        Examples:
          person dlq discard fold_persons/ID/1042 --why "written by hand, see the log of 3 May"
          person dlq discard --agent translate_git --cause unresolved_person --older-than 7d --why "strangers"
        """
        _act(with_client, "discard", letter, why, given)


def _act(with_client: WithClient, verb: str, letter: str | None, why: str, given: dict[str, Any]) -> None:
    as_json: bool = given["as_json"]
    require_letter(letter, as_json=as_json)
    require_actor("--by", given["by"], as_json=as_json)
    require_reason("--why", why, as_json=as_json)
    filters = filters_of(given, as_json=as_json)
    if (letter is None) == (not filters and not given["everything"]):
        line = "say what: a letter, filters, or --all" if letter is None else "give either a letter or filters"
        output.fail(output.EXIT_USAGE, line, as_json=as_json)
    names = [letter] if letter is not None else _selected(with_client, filters, given["limit"], as_json)
    if not given["yes"] and (len(names) > 1 or (names and verb == "discard")):
        if as_json:
            output.fail(output.EXIT_USAGE, f"{len(names)} letters; add --yes to {verb} them", as_json=True)
        warning = " This cannot be undone." if verb == "discard" else ""
        click.confirm(f"{len(names)} letter(s).{warning} {verb.capitalize()}?", abort=True)
    progress = _Progress(len(names), quiet=as_json)
    done = with_client(
        lambda client: letters.acted(
            client,
            f"{verb}_dead_letter",
            names,
            by=given["by"],
            why=why,
            timeout_s=given["timeout"],
            rate=given["rate"],
            told=progress.tell,
        ),
        as_json,
    )
    still = [one for one in done if not one["done"]]
    if as_json:
        output.envelope("ok" if not still else "failed", done, [telling.result(one) for one in still])
    elif letter is None or not still:
        output.text.print(
            telling.total(done) if done else "nothing that waits passes the filters" if filters else "nothing waits",
            markup=False,
        )
    raise SystemExit(output.EXIT_FAILURE if still else output.EXIT_OK)


def _selected(with_client: WithClient, filters: dict[str, Any], limit: int | None, as_json: bool) -> list[str]:
    rows = with_client(lambda client: letters.listed(client, filters, limit), as_json)
    return [row["letter"] for row in letters.in_order(rows)]


class _Progress:
    """Says what came of each letter, or of many how far it is."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total = total
        self._quiet = quiet
        self._done = 0
        self._begun = self._told_at = time.monotonic()

    def tell(self, result: dict[str, Any]) -> None:
        """Take note of one more."""
        self._done += 1
        if self._quiet:
            return
        if result.get("code") is not None:
            output.errors.print(f"person: {telling.result(result)}", markup=False)
        elif self._total <= FEW or not result["done"]:
            output.text.print(telling.result(result), markup=False)
        now = time.monotonic()
        if self._total > FEW and now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            left = (self._total - self._done) * (now - self._begun) / self._done
            output.text.print(f"{self._done} of {self._total}, about {left:.0f} s left", markup=False)
