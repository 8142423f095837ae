"""`person query`: any query of the reference, its answer as JSON or its rows as lines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import click
import orjson

from bridge.errors import BridgeError
from config.settings import Settings
from ops import output
from ops.client import ClientError, PersonClient, QueryFailed
from ops.listing import listing
from ops.options import as_json_option

Loaded = Callable[[bool], Settings]
WithClient = Callable[..., dict[str, Any]]


def query_verb(with_client: WithClient, loaded: Loaded) -> click.Command:
    """The verb that asks any query."""

    @click.command(name="query", cls=listing("Endpoints", _endpoints))
    @click.argument("endpoint")
    @click.option("--data", default="{}", show_default=True, help="The request as JSON.")
    @click.option("--stream", is_flag=True, help="Ask for a stream and print one row a line.")
    @as_json_option
    def query(endpoint: str, data: str, stream: bool, as_json: bool) -> None:
        """Ask ENDPOINT and print what it answers; docs/reference/queries.md has the fields and an example of each.

        \b
        Examples:
          person query get_chain --data '{"person_id": "ID", "verify": true}'
          person query get_events --data '{"person_id": "ID"}' --stream
        """
        known = _endpoints()
        if endpoint not in known:
            line = f"there is no query {endpoint!r}; there are: {', '.join(known)}"
            output.fail(output.EXIT_USAGE, line, as_json=as_json)
        request = json_object("--data", data, as_json)
        if stream:
            run_until_over(_print_rows(loaded(as_json), endpoint, request), as_json)
            return
        answer = with_client(lambda client: client.query(endpoint, request), as_json)
        if as_json:
            output.envelope("ok", answer)
        else:
            output.text.print_json(data=answer)

    return query


def print_line(row: Any) -> None:
    """Write a row as one line of JSON."""
    sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
    sys.stdout.flush()


def json_object(option: str, text: str, as_json: bool) -> dict[str, Any]:
    """The JSON object that an option holds; ends with one line when it holds none."""
    try:
        found = orjson.loads(text)
    except ValueError as error:
        output.fail(output.EXIT_USAGE, f"{option} is no JSON: {error}", as_json=as_json)
    if not isinstance(found, dict):
        output.fail(output.EXIT_USAGE, f"{option} must be a JSON object", as_json=as_json)
    return found


def run_until_over(work: Coroutine[Any, Any, None], as_json: bool) -> None:
    """Run what prints by itself, until it ends or Ctrl-C; ends with one line and an exit code when it fails."""
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        return
    except QueryFailed as error:
        output.fail(output.EXIT_FAILURE, f"{error.code}: {error.reason}", as_json=as_json)
    except (ClientError, BridgeError) as error:
        output.fail(output.EXIT_NATS, str(error), as_json=as_json)


def _endpoints() -> list[str]:
    from queries.endpoints import ENDPOINTS  # what answers them is loaded only when somebody asks

    return sorted(ENDPOINTS)


async def _print_rows(settings: Settings, endpoint: str, request: Mapping[str, Any]) -> None:
    async with PersonClient(settings.nats) as client:
        async for row in client.stream(endpoint, request):
            print_line(row)
