"""`person dlq edit`: an edited copy beside a letter, from an option, a file or the editor of the operator."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from ops import output
from ops.client import PersonClient
from ops.dlq import letters
from ops.dlq.options import by_option, require_letter
from ops.option_rules import require_actor, require_reason
from ops.options import as_json_option

WithClient = Callable[[Callable[[PersonClient], Coroutine[Any, Any, Any]], bool], Any]


def add_editing(dlq: click.Group, with_client: WithClient) -> None:
    """Add the verb to the group."""

    @dlq.command()
    @click.argument("letter")
    @click.option("--data", help="The edited message as text.")
    @click.option(
        "--file", "path", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A file that holds it."
    )
    @click.option("--why", required=True, help="Why, 1 to 500 characters; it is recorded.")
    @by_option
    @as_json_option
    def edit(letter: str, data: str | None, path: Path | None, why: str, by: str, as_json: bool) -> None:
        """Keep an edited copy of LETTER; a redrive takes the copy. The original stays as it is.

        Without --data and --file the message opens in $EDITOR. A copy that breaks a rule is refused, with field and rule.

        \b
        Examples:
          person dlq edit 17 --why "the neighbour sent the old id"
          person dlq edit fold_persons/ID/1042 --file event.json --why "ticket 4711"
        """
        require_letter(letter, as_json=as_json)
        require_actor("--by", by, as_json=as_json)
        require_reason("--why", why, as_json=as_json)
        if data is not None and path is not None:
            output.fail(output.EXIT_USAGE, "give either --data or --file", as_json=as_json)
        copy: bytes | None = None
        if path is not None:
            copy = path.read_bytes()
        elif data is not None:
            copy = data.encode()
        elif as_json:
            output.fail(output.EXIT_USAGE, "give --data or --file", as_json=True)
        else:
            copy = _by_hand(with_client(lambda client: letters.shown(client, letter, with_data=True), as_json))
        if copy is None:
            output.fail(output.EXIT_FAILURE, "nothing was changed", as_json=as_json)
        asked = {"letter": letter, "data_base64": base64.b64encode(copy).decode(), "by": by, "why": why}

        async def ask(client: PersonClient) -> Any:
            return (await client.query("edit_dead_letter", asked, timeout_ms=letters.ANSWER_MS))["data"]

        kept = with_client(ask, as_json)
        if as_json:
            output.envelope("ok", kept)
        else:
            line = f"{kept['letter']}  copy {kept['digest']} is kept; see `person dlq dry-run {kept['letter']}`"
            output.text.print(line, markup=False)


def _by_hand(found: dict[str, Any]) -> bytes | None:
    """What the operator makes of the message, or of the copy before; None when nothing was changed."""
    events = [event["data"] for event in found["events"][:1]]
    copy = found["copy"] or {}
    before = next((one for one in (copy.get("data"), found["data"], *events) if one is not None), "")
    edited = click.edit(_readable(before), extension=".json")
    if edited is None or edited.strip() == _readable(before).strip():
        return None
    return edited.strip().encode()


def _readable(text: str) -> str:
    """JSON with line breaks, any other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
