"""How the command line as a whole ends: what is mistyped is told like every other error, with `--json` in the envelope."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from ops import output


class CommandLine(click.Group):
    """The group of all verbs. With `--json` among the words even a wrong option is answered with the JSON envelope."""

    def main(self, *given: Any, **more: Any) -> Any:
        """Run the verb that the words name; ends the process, unless `standalone_mode` is off."""
        args = given[0] if given else more.pop("args", None)
        words = sys.argv[1:] if args is None else list(args)
        run: Callable[..., Any] = super().main
        if not more.get("standalone_mode", True) or "--json" not in words:
            return run(words, *given[1:], **more)
        _end(lambda: run(words, *given[1:], **{**more, "standalone_mode": False}))


def _end(run: Callable[[], Any]) -> NoReturn:
    try:
        code = run()
    except click.Abort:
        output.fail(output.EXIT_FAILURE, "aborted", as_json=True)
    except click.ClickException as error:
        output.fail(error.exit_code, error.format_message(), as_json=True)
    # Help ends with a number, a verb with None.
    raise SystemExit(code if isinstance(code, int) else output.EXIT_OK)
