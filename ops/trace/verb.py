"""`person trace`: the flow of a command as a tree, from JetStream alone."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import click
from nats.errors import Error as NatsError

from bridge.connection import connected
from bridge.errors import BridgeError
from config.settings import Settings
from domain.ids import is_person_id
from ops import output
from ops.client import ClientError, PersonClient, QueryFailed
from ops.options import as_json_option
from ops.trace.causes import with_causes
from ops.trace.drawing import Row, flow, lines
from ops.trace.gathering import FlowSearch, UnknownFlowError
from ops.trace.hop import Hop

TELL_EVERY_S = 1.0


def trace_verb(loaded: Callable[[bool], Settings]) -> click.Command:
    """The verb; it finds the servers by the settings."""

    @click.command(name="trace")
    @click.argument("message_id", required=False)
    @click.option("--person", "person_id", help="Read only the events and sagas of this person, which is faster.")
    @click.option(
        "--event", "version", type=click.IntRange(1), help="The flow of this event of --person, by its number."
    )
    @click.option(
        "--since",
        type=click.DateTime(),
        help="Read messages from this time on, in UTC; all, or from the time of the id, without it.",
    )
    @click.option("--ask", is_flag=True, help="Ask the workers for outcomes of commands that have left no event.")
    @as_json_option
    def trace(
        message_id: str | None,
        person_id: str | None,
        version: int | None,
        since: datetime | None,
        ask: bool,
        as_json: bool,
    ) -> None:
        """Draw everything that followed from MESSAGE_ID: a command, an event, a correlation or a saga.

        The streams alone are read: no worker and no collector has to run, and none has to have run. A command that was removed after it was
        processed is named by what it caused. Times count from the first message that is stored.

        \b
        Examples:
          person trace 0190c8a2-7b1e-7c3d-9a4f-1b2c3d4e5f60
          person trace --person ID --event 3
          person trace ID --since 2026-11-23T20:00:00 --json
        """
        if fault := _fault(message_id, person_id, version):
            output.fail(output.EXIT_USAGE, fault, as_json=as_json)
        begin = None if since is None else since.replace(tzinfo=UTC)
        try:
            found, read = asyncio.run(
                _trace(loaded(as_json), message_id, person_id, version, begin, ask=ask, quiet=as_json)
            )
        except UnknownFlowError as error:
            output.fail(output.EXIT_FAILURE, str(error), as_json=as_json)
        except (BridgeError, ClientError, NatsError, TimeoutError) as error:
            output.fail(output.EXIT_NATS, str(error) or "NATS did not answer; ask again", as_json=as_json)
        if as_json:
            output.envelope("ok", found, [f"{read} messages were read"])
            return
        for line in lines(found):
            output.text.print(line, markup=False)

    return trace


def _fault(message_id: str | None, person_id: str | None, version: int | None) -> str | None:
    if (message_id is None) == (version is None):
        return "give MESSAGE_ID, or --person with --event"
    if version is not None and person_id is None:
        return "--event is the number of an event of --person; give both"
    for name, given in (("MESSAGE_ID", message_id), ("--person", person_id)):
        if given is not None and not is_person_id(given):
            return f"{name} must be a UUID in lower case with hyphens, neither nil nor max"
    return None


async def _trace(
    settings: Settings,
    message_id: str | None,
    person_id: str | None,
    version: int | None,
    since: datetime | None,
    *,
    ask: bool,
    quiet: bool,
) -> tuple[Row, int]:
    async with connected(settings.nats, name="person trace") as nc:
        search = FlowSearch(
            nc,
            partitions=settings.partitions,
            person_id=person_id,
            since=since,
            progress=_Progress(quiet=quiet),
        )
        if message_id is not None:
            gathered = await search.of_id(message_id)
        else:
            assert person_id is not None
            assert version is not None
            gathered = await search.of_event(person_id, version)
    hops = _with_outcomes(with_causes(gathered.hops, gathered.sagas))
    if ask:
        hops = await _asked(settings, hops)
    return flow(hops), gathered.read


def _with_outcomes(hops: list[Hop]) -> list[Hop]:
    """Commands whose events are there were accepted; of others JetStream does not know what became of them."""
    accepted = {one.causation for one in hops if one.kind == "event"}
    return [replace(one, outcome="accepted") if one.kind == "command" and one.id in accepted else one for one in hops]


async def _asked(settings: Settings, hops: list[Hop]) -> list[Hop]:
    told = []
    async with PersonClient(settings.nats) as client:
        for one in hops:
            if one.kind == "command" and not one.outcome:
                try:
                    answer = (await client.query("get_outcome", {"command_id": one.id}))["data"]
                    one = replace(one, outcome=" ".join(filter(None, (answer["status"], answer.get("code")))))
                except QueryFailed:
                    pass
            told.append(one)
    return told


class _Progress:
    """Says on standard error how much is read, when it takes long."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._told = time.monotonic()

    def __call__(self, read: int) -> None:
        now = time.monotonic()
        if not self._quiet and now - self._told >= TELL_EVERY_S and sys.stderr.isatty():
            self._told = now
            output.errors.print(f"{read} messages read", markup=False)
