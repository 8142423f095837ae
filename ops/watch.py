"""`person watch`: the rows of a read model and their changes as lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from config.settings import Settings
from ops import output
from ops.client import PersonClient
from ops.query import json_object, print_line, run_until_over
from ops.watching import Watch

Loaded = Callable[[bool], Settings]

MODELS = ("summary", "search", "skills", "network", "views")
as_lines_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def watch_verb(loaded: Loaded) -> click.Command:
    """The verb that follows a read model."""

    @click.command(name="watch")
    @click.option(
        "--projection",
        type=click.Choice(MODELS),
        default="summary",
        show_default=True,
        help="The read model to follow.",
    )
    @click.option(
        "--filter", "filters", default="{}", show_default=True, help="Filters as JSON; Active persons without one."
    )
    @click.option("--from", "places", multiple=True, help="PARTITION:SEQUENCE to go on behind; one for each partition.")
    @click.option("--messages", type=click.IntRange(1), help="End after so many messages.")
    @as_lines_option
    def watch(projection: str, filters: str, places: tuple[str, ...], messages: int | None, as_json: bool) -> None:
        """Print the rows that match now, and then every change of them, until Ctrl-C.

        The last line tells with which --from another watch goes on.

        \b
        Examples:
          person watch
          person watch --projection skills --filter '{"skills": ["Rust"]}' --json
        """
        wanted = json_object("--filter", filters, as_json)
        positions = [_place(text, as_json) for text in places]
        found = loaded(as_json)
        for one in positions:
            if one["partition"] >= found.partitions:
                line = f"--from {one['partition']}:{one['stream_sequence']}: there are {found.partitions} partitions, from 0"
                output.fail(output.EXIT_USAGE, line, as_json=as_json)
        run_until_over(_print_changes(found, projection, wanted, positions, messages, as_json), as_json)

    return watch


async def _print_changes(
    settings: Settings,
    projection: str,
    filters: Mapping[str, Any],
    positions: list[dict[str, int]],
    limit: int | None,
    as_json: bool,
) -> None:
    async with PersonClient(settings.nats) as client:
        watch = Watch(client, projection, filters, positions=positions)
        told = 0
        try:
            async for message in watch.messages():
                print_line(message) if as_json else output.text.print(_text(message), markup=False)
                told += 1
                if told == limit:
                    return
        finally:
            if watch.positions and not as_json:
                places = " ".join(f"--from {one['partition']}:{one['stream_sequence']}" for one in watch.positions)
                output.text.print(f"go on with {places}", markup=False)


def _text(message: Mapping[str, Any]) -> str:
    op: str = message["op"]
    if op in ("caught_up", "lagged"):
        return op
    row = message.get("row", {})
    shown = " ".join(str(row[name]) for name in ("status", "display_name") if row.get(name))
    return f"{op:<9} {message['person_id']}  event {message['sequence']:>4}  {shown}".rstrip()


def _place(text: str, as_json: bool) -> dict[str, int]:
    partition, _, sequence = text.partition(":")
    if not (partition.isdigit() and sequence.isdigit()):
        output.fail(output.EXIT_USAGE, "--from has the form PARTITION:SEQUENCE, e.g. 3:1042", as_json=as_json)
    return {"partition": int(partition), "stream_sequence": int(sequence)}
