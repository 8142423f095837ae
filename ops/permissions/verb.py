"""`person permissions`: writes the least rights of every role at NATS and Kafka for this installation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from bridge.route_file import RouteFileError
from config.settings import Settings
from ops import output
from ops.options import as_json_option


def permissions_verb(loaded: Callable[[bool], Settings]) -> click.Command:
    """The verb; `loaded` gives the settings."""

    @click.command()
    @click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("build/security"),
        show_default=True,
        help="Folder of the files, created if it is missing.",
    )
    @as_json_option
    def permissions(out: Path, as_json: bool) -> None:
        """Write what workers, clients, readers, operators and neighbours may do at NATS and Kafka, and nothing more.

        The files follow PERSON_APP_ID, PERSON_PARTITIONS and the routes of PERSON_ROUTES_FILE. No server is asked.

        \b
        Examples:
          person permissions
          PERSON_APP_ID=people PERSON_ROUTES_FILE=routes.toml person permissions --out deploy/security
        """
        from ops.permissions.files import write

        settings = loaded(as_json)
        try:
            written = [str(path) for path in write(out, settings)]
        except RouteFileError as error:
            output.fail(output.EXIT_USAGE, str(error), as_json=as_json)
        except OSError as error:
            output.fail(output.EXIT_USAGE, f"--out {out} cannot be written ({error.strerror})", as_json=as_json)
        if as_json:
            output.envelope("ok", {"files": written})
        else:
            output.text.print("\n".join(written), markup=False)

    return permissions
