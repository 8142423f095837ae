"""The verb `person replay`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from bridge.connection import connected
from bridge.errors import BridgeError
from config.settings import Settings
from domain.event_catalogue import EVENTS
from domain.ids import is_person_id
from ops import output
from ops.options import as_json_option
from ops.replay.events import Counted, count, into_file
from ops.replay.folds import FOLDS
from ops.replay.lines import CheckpointError
from ops.replay.rows import Made, ReplayError, count_rows, foldable, rows_into_file, rows_into_table
from ops.replay.selection import Selection

TABLE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
MOMENT = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"])


def replay_verb(settings: Callable[[bool], Settings]) -> click.Command:
    """The verb; it finds the installation by the settings."""

    @click.command()
    @click.option("--person", "person_id", help="Only this person.")
    @click.option(
        "--type", "types", multiple=True, help="Only this type, like person.created; may be given several times."
    )
    @click.option("--from-sequence", default=1, type=click.IntRange(1), help="First stream sequence.")
    @click.option("--to-sequence", type=click.IntRange(1), help="Last stream sequence.")
    @click.option("--since", type=MOMENT, help="Stored at or after this moment, in UTC.")
    @click.option("--until", type=MOMENT, help="Stored at or before this moment, in UTC.")
    @click.option(
        "--agent", type=click.Choice(sorted(FOLDS)), help="Fold the events as this agent does, and give its rows."
    )
    @click.option(
        "--into", "path", type=click.Path(path_type=Path, dir_okay=False), help="File to write, one JSON a line."
    )
    @click.option("--table", help="With --agent: write the rows to the changelog topic of a new table of this name.")
    @click.option("--rate", type=click.FloatRange(1), help="Events a second at most.")
    @click.option("--dry-run", is_flag=True, help="Read and count, write nothing.")
    @as_json_option
    def replay(
        person_id: str | None,
        types: tuple[str, ...],
        from_sequence: int,
        to_sequence: int | None,
        since: datetime | None,
        until: datetime | None,
        agent: str | None,
        path: Path | None,
        table: str | None,
        rate: float | None,
        dry_run: bool,
        as_json: bool,
    ) -> None:
        """Read stored events once more, into a file, or through the fold of an agent into rows.

        Nothing is sent: no command, no message, no timer; the workers do not notice. One that was cut off goes on where it
        ended when it is run again, and its file has the same bytes then. It ends where the stream ended when it began.

        \b
        Examples:
          person replay --into events.ndjson
          person replay --type person.created --since 2026-01-01 --dry-run
          person replay --person 0190c8a2-7b1e-7c3d-9a4f-000000000001 --into ada.ndjson
          person replay --agent project_summary --into summaries.ndjson --rate 5000
          person replay --agent project_summary --until 2026-06-30 --table summary_of_june
        """
        selection = Selection(person_id, types, from_sequence, to_sequence, since, until)
        _check(selection, path, table, agent, dry_run, as_json)
        found, shown = settings(as_json), not as_json

        async def run(nc: Client) -> Counted | Made:
            if agent is None:
                if dry_run or path is None:
                    return await count(nc, selection, rate=rate, shown=shown)
                return await into_file(nc, selection, path, rate=rate, shown=shown)
            wanted = foldable(selection)
            if dry_run:
                return await count_rows(nc, found, wanted, agent, rate=rate, shown=shown)
            if table is not None:
                return await rows_into_table(nc, found, wanted, agent, table, rate=rate, shown=shown)
            assert path is not None
            return await rows_into_file(nc, found, wanted, agent, path, rate=rate, shown=shown)

        done = _run(found, run, as_json)
        if as_json:
            output.envelope("ok", done.as_data())
        else:
            output.text.print(done.as_text(), markup=False)

    return replay


def _check(
    selection: Selection,
    path: Path | None,
    table: str | None,
    agent: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    wrong = None
    unknown = [one for one in selection.types if one not in EVENTS]
    if selection.person_id is not None and not is_person_id(selection.person_id):
        wrong = "--person must be a UUID in lower case with hyphens, neither nil nor max"
    elif unknown:
        wrong = f"--type {unknown[0]}: there is no such event; docs/reference/events.md has all"
    elif selection.last_sequence is not None and selection.last_sequence < selection.first_sequence:
        wrong = f"--to-sequence {selection.last_sequence} lies before --from-sequence {selection.first_sequence}"
    elif selection.since is not None and selection.until is not None and selection.until < selection.since:
        wrong = "--until lies before --since"
    elif table is not None and not TABLE.fullmatch(table):
        wrong = "--table must be a word of lower-case letters, digits and underscores, a letter first, at most 64 long"
    elif table is not None and agent is None:
        wrong = "--table is for the rows of an --agent"
    elif table is not None and path is not None:
        wrong = "--into and --table: choose one"
    elif not dry_run and path is None and table is None:
        wrong = "--into FILE is missing; with --dry-run nothing is written"
    if wrong is not None:
        output.fail(output.EXIT_USAGE, wrong, as_json=as_json)


def _run(
    settings: Settings, work: Callable[[Client], Coroutine[Any, Any, Counted | Made]], as_json: bool
) -> Counted | Made:
    async def done() -> Counted | Made:
        async with connected(settings.nats, name="person replay") as nc:
            return await work(nc)

    try:
        return asyncio.run(done())
    except (CheckpointError, ReplayError) as error:
        output.fail(output.EXIT_USAGE, str(error), as_json=as_json)
    except KafkaError as error:
        output.fail(output.EXIT_KAFKA, f"Kafka did not answer ({type(error).__name__})", as_json=as_json)
    except (BridgeError, NatsError, TimeoutError) as error:
        line = str(error) or f"NATS did not answer ({type(error).__name__})"
        output.fail(output.EXIT_NATS, f"{line}; run it again to go on", as_json=as_json)
