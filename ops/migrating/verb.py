"""`person migrate`: continues an old event stream in this one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import click
from nats.errors import Error as NatsError

from bridge.append import MAX_BATCH
from bridge.errors import BridgeError
from config.settings import Settings
from ops import output
from ops.options import as_json_option


def migrate_verb(loaded: Callable[[bool], Settings]) -> click.Command:
    """The verb that migrates; `loaded` gives the settings or ends with a usage error."""

    @click.command()
    @click.argument("source")
    @click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
    @click.option(
        "--skip-refused",
        is_flag=True,
        help="Leave out persons that cannot be migrated; without it nothing is written then.",
    )
    @click.option(
        "--batch",
        "per_batch",
        default=MAX_BATCH,
        show_default=True,
        type=click.IntRange(1, MAX_BATCH),
        help="Events of an atomic batch; other writers wait no longer than for one.",
    )
    @as_json_option
    def migrate(source: str, dry_run: bool, skip_refused: bool, per_batch: int, as_json: bool) -> None:
        """Copy the events of SOURCE, a stream or a file with one event a line, into the event stream in their newest versions.

        A run that was cut off goes on where it ended; a repeated one changes nothing. At the end source and target are
        folded and compared. Exit code 1 when something was refused or differs.

        \b
        Examples:
          person migrate PEOPLE_V1 --dry-run
          person migrate PEOPLE_V1
          person migrate old-events.ndjson --skip-refused
        """
        from ops.migrating.copying import MigrationStoppedError
        from ops.migrating.migration import migrate as run
        from ops.migrating.source import MigrationSourceError

        nats = loaded(as_json).nats
        try:
            report = asyncio.run(
                run(
                    nats,
                    source,
                    dry_run=dry_run,
                    skip_refused=skip_refused,
                    per_batch=per_batch,
                    show_progress=not as_json,
                )
            )
        except MigrationSourceError as error:
            output.fail(output.EXIT_USAGE, str(error), as_json=as_json)
        except MigrationStoppedError as error:
            output.fail(output.EXIT_FAILURE, str(error), as_json=as_json)
        except (BridgeError, NatsError, TimeoutError) as error:
            output.fail(output.EXIT_NATS, str(error) or "NATS did not answer; run the migration again", as_json=as_json)
        if as_json:
            output.envelope("ok" if report.good else "failed", report.as_data(), report.faults())
        else:
            output.text.print(report.as_text(), markup=False)
        raise SystemExit(output.EXIT_OK if report.good else output.EXIT_FAILURE)

    return migrate
