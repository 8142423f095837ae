"""`person dlq list`, `show`, `stats`, `dry-run` and `history`: verbs that change nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import click

from ops import output
from ops.client import PersonClient
from ops.dlq import letters, telling
from ops.dlq.options import filter_options, filters_of, require_letter, show_data_option
from ops.options import as_json_option

WithClient = Callable[[Callable[[PersonClient], Coroutine[Any, Any, Any]], bool], Any]

MOST = 100_000


def add_looking(dlq: click.Group, with_client: WithClient) -> None:
    """Add the verbs to the group."""

    @dlq.command(name="list")
    @filter_options
    @click.option(
        "--limit", default=100, show_default=True, type=click.IntRange(1, MOST), help="Letters to list at most."
    )
    @as_json_option
    def list_(limit: int, as_json: bool, **given: Any) -> None:
        """List what waits, the oldest first: parked persons, parked sagas, and messages that were passed over.

        \b
        Examples:
          person dlq list
          person dlq list --agent project_summary --cause handler_failed --json
          person dlq list --route foreign --older-than 24h
        """
        filters = filters_of(given, as_json=as_json)
        rows = with_client(lambda client: letters.listed(client, filters, limit), as_json)
        others = (
            0 if rows or not filters else with_client(lambda client: letters.counted(client, {}), as_json)["letters"]
        )
        if as_json:
            output.envelope("ok", rows, [telling.nothing(others)] if others else ())
            return
        for row in rows:
            output.text.print(telling.line(row), markup=False)
        if not rows:
            output.text.print(telling.nothing(others), markup=False)

    @dlq.command()
    @filter_options
    @as_json_option
    def stats(as_json: bool, **given: Any) -> None:
        """Count what waits by route, agent, cause and age.

        \b
        Examples:
          person dlq stats
          person dlq stats --route events --json
        """
        filters = filters_of(given, as_json=as_json)
        found = with_client(lambda client: letters.counted(client, filters), as_json)
        _print(found, telling.counts, as_json)

    @dlq.command()
    @click.argument("letter")
    @show_data_option
    @as_json_option
    def show(letter: str, show_data: bool, as_json: bool) -> None:
        """Show LETTER, as `list` names it: what waits behind it, an edited copy, what was done and what can be done.

        \b
        Examples:
          person dlq show fold_persons/ID
          person dlq show 17 --show-data
        """
        require_letter(letter, as_json=as_json)
        found = with_client(lambda client: letters.shown(client, letter, with_data=show_data), as_json)
        _print(found, telling.letter, as_json)

    @dlq.command(name="dry-run")
    @click.argument("letter")
    @show_data_option
    @as_json_option
    def dry_run(letter: str, show_data: bool, as_json: bool) -> None:
        """Say what a redrive of LETTER would do now, by today's code on today's rows, without doing it.

        Exit code 1 when it would fail again.

        \b
        Examples:
          person dlq dry-run fold_persons/ID
          person dlq dry-run 17 --show-data
        """
        require_letter(letter, as_json=as_json)
        asked = {"letter": letter, "with_data": show_data}

        async def ask(client: PersonClient) -> Any:
            return (await client.query("dry_run_dead_letter", asked, timeout_ms=letters.ANSWER_MS))["data"]

        found = with_client(ask, as_json)
        fails = found.get("fails_at") is not None
        _print(found, telling.preview, as_json, status="failed" if fails else "ok")
        raise SystemExit(output.EXIT_FAILURE if fails else output.EXIT_OK)

    @dlq.command()
    @click.argument("letter", required=False)
    @click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="Acts to list at most.")
    @as_json_option
    def history(letter: str | None, limit: int, as_json: bool) -> None:
        """List who edited, redrove or discarded what, when and why, newest first; only acts on LETTER if it is given.

        \b
        Examples:
          person dlq history
          person dlq history fold_persons/ID/1042
        """
        require_letter(letter, as_json=as_json)
        asked = {"limit": limit} if letter is None else {"limit": limit, "letter": letter}

        async def ask(client: PersonClient) -> Any:
            return (await client.query("list_dead_letter_acts", asked, timeout_ms=letters.ANSWER_MS))["data"]

        found = with_client(ask, as_json)
        if as_json:
            output.envelope("ok", found)
            return
        for one in found:
            output.text.print(telling.act(one), markup=False)
        if not found:
            output.text.print("nothing was done", markup=False)


def _print(found: Any, tell: Callable[[Any], Any], as_json: bool, status: str = "ok") -> None:
    if as_json:
        output.envelope(status, found)
        return
    for text in tell(found):
        output.text.print(text, markup=False)
