"""`person neighbours`: simulated neighbouring domains in the foreground, which answer what sagas ask of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import click

from config.neighbours import FAULTS
from config.settings import Settings
from ops import output

Loaded = Callable[[bool], Settings]


def neighbours_verb(loaded: Loaded) -> click.Command:
    """The verb that runs the neighbours."""

    @click.command(name="neighbours")
    @click.option(
        "--faults",
        type=click.Path(path_type=Path),
        help="TOML file that says how they fail; the packaged one lets them answer within milliseconds.",
    )
    def neighbours(faults: Path | None) -> None:
        """Run simulated identity, organization, location, git and agent domains in the foreground until Ctrl-C.

        They take the commands of PERSON_OUTBOUND and answer with events in streams of their own, as real domains do.
        They are for trials: an installation with real neighbours must not run them.

        \b
        Examples:
          person neighbours
          person neighbours --faults faults.toml
        """
        # The servers' packages are optional where the verb is not used.
        from local.errors import StackError
        from local.neighbours.faults import read_behaviour
        from local.neighbours.running import run_until_asked

        where = loaded(False).nats
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        try:
            behaviour = read_behaviour(faults or FAULTS)
        except StackError as error:
            output.fail(output.EXIT_USAGE, str(error))
        try:
            asyncio.run(run_until_asked(where, behaviour, lambda line: output.text.print(line, markup=False)))
        except StackError as error:
            output.fail(output.EXIT_NATS, str(error))

    return neighbours
