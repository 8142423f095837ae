"""`person sweep`: looks for inactive persons now instead of at the next time of the schedule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import click

from agents.inactivity_schedule import sweep_now
from config.settings import Settings
from ops import output
from ops.client import PersonClient
from ops.options import as_json_option

Loaded = Callable[[bool], Settings]
WithClient = Callable[[Callable[[PersonClient], Awaitable[dict[str, Any]]], bool], dict[str, Any]]


def sweep_verb(with_client: WithClient, loaded: Loaded) -> click.Command:
    """The verb that sweeps."""

    @click.command(name="sweep")
    @as_json_option
    def sweep(as_json: bool) -> None:
        """Look for persons of whom nothing was heard for long, now. Doing it twice reports nobody twice.

        \b
        Example:
          person sweep
        """
        partitions = loaded(as_json).partitions

        async def run(client: PersonClient) -> dict[str, Any]:
            await sweep_now(client.nc, partitions)
            return {"partitions": partitions}

        asked = with_client(run, as_json)
        if as_json:
            output.envelope("ok", asked)
        else:
            output.text.print(f"asked {partitions} partitions to sweep", markup=False)

    return sweep
