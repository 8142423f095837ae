"""`person import`: brings people in from files and repositories."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from bridge.errors import BridgeError
from config.settings import Settings
from ops import output
from ops.client import ClientError
from ops.options import as_json_option


def import_verb(loaded: Callable[[bool], Settings]) -> click.Command:
    """The verb that imports; `loaded` gives the settings or ends with a usage error."""

    @click.command(name="import")
    @click.argument("kind", type=click.Choice(["git", "vcard", "csv", "scim"]))
    @click.argument("path", type=click.Path(path_type=Path))
    @click.option(
        "--mapping", type=click.Path(path_type=Path), help="csv: the TOML file that says what the columns mean."
    )
    @click.option("--system", default="scim", show_default=True, help="scim: the system that the users come from.")
    @click.option(
        "--employed-since",
        type=click.DateTime(["%Y-%m-%d"]),
        help="vcard, scim: first day of an employment whose source names none.",
    )
    @click.option(
        "--rejects",
        type=click.Path(path_type=Path),
        help="File for everything that was left out or refused, one JSON object per line.",
    )
    @click.option("--dry-run", is_flag=True, help="Read and check everything, send nothing.")
    @as_json_option
    def import_(
        kind: str,
        path: Path,
        mapping: Path | None,
        system: str,
        employed_since: datetime | None,
        rejects: Path | None,
        dry_run: bool,
        as_json: bool,
    ) -> None:
        """Import persons from a git repository, vCard files, a CSV file or SCIM 2.0 users.

        Importing the same source twice changes nothing. Of a source that changed, only the differences are sent.
        What cannot be imported is listed with its reason.

        \b
        Examples:
          person import git .
          person import vcard examples/
          person import vcard contacts.vcf --dry-run
          person import csv examples/people.csv --mapping examples/people.toml --rejects rejects.ndjson
          person import scim examples/users.scim.json --system corporate
        """
        from ops.importing.plan import ImportSourceError
        from ops.importing.report import begin_rejects
        from ops.importing.sending import send_plan
        from ops.importing.sources import Reading, plan_source

        nats = loaded(as_json).nats
        try:
            reading = Reading(mapping, system, employed_since.date() if employed_since else None)
            plan = plan_source(kind, path, reading)
            if rejects is not None:
                begin_rejects(rejects)
            report = asyncio.run(send_plan(kind, plan, nats=nats, dry_run=dry_run, show_progress=not as_json))
            if rejects is not None:
                report.write_rejects(rejects)
        except ImportSourceError as error:
            output.fail(output.EXIT_USAGE, str(error), as_json=as_json)
        except (ClientError, BridgeError) as error:
            output.fail(output.EXIT_NATS, str(error), as_json=as_json)
        if as_json:
            output.envelope("ok", report.as_data())
        else:
            output.text.print(report.as_text(), markup=False)

    return import_
