"""`person dlq`: who is parked for which agent, what waits, and the two acts that let a person flow on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import click
import orjson
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from bridge import read
from bridge.errors import BridgeError
from config.settings import Settings
from config.streams import EVENTS
from domain.ids import is_person_id
from domain.partitions import partition_of
from domain.subjects import person_filter
from ops import output
from ops.client import ClientError, PersonClient, QueryFailed
from queries.operations_subject import operations_subject

SHOWN_EVENTS = 50
LISTED = 1000
RETRY_S = 0.1
ASK_AGAIN_S = 5.0

Row = dict[str, Any]
WithClient = Callable[[Callable[[PersonClient], Coroutine[Any, Any, Any]], bool], Any]

as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document {version, status, data, diagnostics}."
)
agent_option = click.option("--agent", help="Only this agent, for instance fold_persons.")
person_option = click.option("--person", "person_id", help="Only this person.")
timeout_option = click.option(
    "--timeout", default=60.0, show_default=True, type=click.FloatRange(1), help="Seconds to wait for one person."
)


def dlq_group(with_client: WithClient, settings: Callable[[bool], Settings]) -> click.Group:
    """The verbs; they ask through `with_client` and find the owner of a partition by the settings."""

    @click.group()
    def dlq() -> None:
        """Persons in quarantine: their events wait, in order, behind one that an agent cannot handle.

        \b
        Examples:
          person dlq list
          person dlq redrive --agent fold_persons --person ID      after the code was fixed
        """

    @dlq.command(name="list")
    @agent_option
    @person_option
    @click.option("--cause", help="Only this cause, for instance unknown_type.")
    @click.option(
        "--limit",
        default=100,
        show_default=True,
        type=click.IntRange(1, LISTED),
        help="Persons that each partition tells at most.",
    )
    @as_json_option
    def list_(agent: str | None, person_id: str | None, cause: str | None, limit: int, as_json: bool) -> None:
        """List parked persons, those that wait longest first.

        \b
        Examples:
          person dlq list
          person dlq list --agent project_summary --cause handler_failed --json
        """
        rows = with_client(lambda client: listed(client, agent, person_id, cause, limit), as_json)
        if as_json:
            output.envelope("ok", rows)
            return
        for row in rows:
            output.text.print(_line(row), markup=False)
        if not rows:
            output.text.print("nobody is parked", markup=False)

    @dlq.command()
    @click.argument("agent")
    @click.argument("person_id")
    @as_json_option
    def show(agent: str, person_id: str, as_json: bool) -> None:
        """Show what waits for AGENT of PERSON_ID: at most 50 events, without their data.

        \b
        Example:
          person dlq show fold_persons ID
        """
        found = with_client(lambda client: shown(client, agent, person_id), as_json)
        if found is None:
            output.fail(output.EXIT_FAILURE, "the person is not parked for this agent", as_json=as_json)
        if as_json:
            output.envelope("ok", found)
            return
        output.text.print(_line(found["parked"]), markup=False)
        for event in found["events"]:
            output.text.print(
                f"{event['stream_sequence']:>10}  {event['subject']}  {event['type']}  {event['sequence']}",
                markup=False,
            )

    @dlq.command()
    @agent_option
    @person_option
    @click.option("--all", "everybody", is_flag=True, help="Everybody who is parked.")
    @click.option("--yes", is_flag=True, help="Do not ask before several persons are redriven.")
    @timeout_option
    @as_json_option
    def redrive(
        agent: str | None, person_id: str | None, everybody: bool, yes: bool, timeout: float, as_json: bool
    ) -> None:
        """Bring parked events to their agent again, in order. Exit code 1 when somebody is still parked.

        \b
        Examples:
          person dlq redrive --person ID
          person dlq redrive --agent project_summary --yes
          person dlq redrive --all
        """
        if not (agent or person_id or everybody):
            output.fail(output.EXIT_USAGE, "say whom: --agent, --person or --all", as_json=as_json)
        rows = with_client(lambda client: listed(client, agent, person_id, None, LISTED), as_json)
        if len(rows) > 1 and not yes:
            if as_json:
                output.fail(output.EXIT_USAGE, f"{len(rows)} rows are parked; add --yes", as_json=True)
            click.confirm(f"{len(rows)} rows are parked. Redrive all of them?", abort=True)
        app_id = settings(as_json).app_id
        done = with_client(lambda client: redriven(client, app_id, rows, timeout), as_json)
        still = [one for one in done if one["parked"] is not None]
        if as_json:
            output.envelope("ok" if not still else "failed", done)
        else:
            for one in done:
                output.text.print(_done(one), markup=False)
            if not done:
                output.text.print("nobody is parked", markup=False)
        raise SystemExit(output.EXIT_FAILURE if still else output.EXIT_OK)

    @dlq.command()
    @click.argument("agent")
    @click.argument("person_id")
    @click.argument("stream_sequence", type=click.IntRange(1))
    @click.option("--why", required=True, help="Why the event may be left out, 1 to 500 characters; it is recorded.")
    @click.option("--by", default="user:cli", show_default=True, help="Who discards it, as kind:id; it is recorded.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @timeout_option
    @as_json_option
    def discard(
        agent: str, person_id: str, stream_sequence: int, why: str, by: str, yes: bool, timeout: float, as_json: bool
    ) -> None:
        """Leave out exactly the event at STREAM_SEQUENCE, at which PERSON_ID is parked for AGENT, for ever.

        What waits behind it is redriven. The event itself stays in JetStream.

        \b
        Example:
          person dlq discard fold_persons ID 1042 --why "written by hand, see the log of 3 May"
        """
        if not is_person_id(person_id):
            output.fail(output.EXIT_USAGE, "PERSON_ID must be a UUID in lower case with hyphens", as_json=as_json)
        if not yes:
            if as_json:
                output.fail(output.EXIT_USAGE, "discarding cannot be undone; add --yes", as_json=True)
            click.confirm(f"{agent} will never see event {stream_sequence}. Discard it?", abort=True)
        found = settings(as_json)
        act = {
            "act": "discard",
            "agent": agent,
            "person_id": person_id,
            "stream_sequence": stream_sequence,
            "by": by,
            "why": why,
        }
        partition = partition_of(person_id, found.partitions)
        done = with_client(lambda client: operate(client, found.app_id, partition, act, timeout), as_json)
        one = {"agent": agent, "person_id": person_id, **done}
        if as_json:
            output.envelope("ok", one)
        else:
            output.text.print(_done(one), markup=False)

    return dlq


async def listed(
    client: PersonClient, agent: str | None, person_id: str | None, cause: str | None, limit: int
) -> list[Row]:
    """Parked persons, those that wait longest first."""
    asked = {"agent": agent, "person_id": person_id, "cause": cause, "limit": limit}
    request = {name: value for name, value in asked.items() if value is not None}
    rows: list[Row] = (await client.query("list_quarantine", request, timeout_ms=10_000))["data"]
    return sorted(rows, key=lambda row: (row["since"], row["first"]))


async def shown(client: PersonClient, agent: str, person_id: str) -> dict[str, Any] | None:
    """A parked person and the first of the events that wait; None when it is not parked."""
    rows = await listed(client, agent, person_id, None, 1)
    if not rows:
        return None
    [parked] = rows
    events: list[Row] = []
    try:
        async for message in read.messages(client.nc, EVENTS, person_filter(person_id), after=parked["first"] - 1):
            if message.stream_sequence > parked["last"] or len(events) == SHOWN_EVENTS:
                break
            told = _envelope(message.data)
            events.append({"stream_sequence": message.stream_sequence, "subject": message.subject, **told})
    except (BridgeError, NatsError) as error:
        raise ClientError(f"the events could not be read ({type(error).__name__})") from error
    return {"parked": parked, "events": events}


async def redriven(client: PersonClient, app_id: str, rows: Sequence[Row], timeout_s: float) -> list[Row]:
    """Redrive row by row; each result tells how many events were taken and what is parked still."""
    done = []
    for row in rows:
        whom = {"agent": row["agent"], "person_id": row["person_id"]}
        try:
            result = await operate(client, app_id, row["partition"], {"act": "redrive", **whom}, timeout_s)
        except QueryFailed as error:
            if error.code != "not_found":
                raise
            # Somebody else was quicker.
            result = {"events": 0, "parked": None}
        done.append({**whom, **result})
    return done


async def operate(
    client: PersonClient, app_id: str, partition: int, act: Mapping[str, Any], timeout_s: float
) -> dict[str, Any]:
    """Ask the owner of a partition for an act; raises QueryFailed for its refusal, ClientError when nobody answers in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            left = max(0.1, deadline - time.monotonic())
            wait_s = min(left, ASK_AGAIN_S) if act["act"] == "redrive" else left
            reply = await client.nc.request(operations_subject(app_id, partition), orjson.dumps(act), timeout=wait_s)
        except NoRespondersError:
            if time.monotonic() > deadline:
                raise ClientError(f"no worker owns partition {partition}. Start one with `person worker`.") from None
            await asyncio.sleep(RETRY_S)
            continue
        except NatsError as error:
            if time.monotonic() < deadline:
                # Its worker may have died; a redrive that is asked for twice is harmless.
                continue
            raise ClientError(
                f"no answer within {timeout_s:g} s ({type(error).__name__}). The act may be done; look with `person dlq list`."
            ) from error
        answer = orjson.loads(reply.data)
        if answer["ok"]:
            data: dict[str, Any] = answer["data"]
            return data
        error_body = answer["error"]
        if error_body["code"] != "unavailable" or time.monotonic() > deadline:
            raise QueryFailed(error_body["code"], error_body["reason"], error_body.get("facts", {}))
        await asyncio.sleep(RETRY_S)


def _envelope(data: bytes) -> Row:
    """What may be shown of an event: no data."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        return {"id": None, "type": None, "sequence": None}
    return {name: document.get(name) for name in ("id", "type", "sequence")}


def _line(row: Row) -> str:
    return (
        f"{row['agent']}  {row['person_id']}  {row['cause']} ({row['reason']})  at {row['first']}, "
        f"{row['events']} waiting since {row['since']}, tried {row['attempts']} times"
    )


def _done(one: Row) -> str:
    whom = f"{one['agent']}  {one['person_id']}  {one['events']} events taken"
    parked = one["parked"]
    return f"{whom}, flows" if parked is None else f"{whom}, parked at {parked['first']}: {parked['cause']}"
