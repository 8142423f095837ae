"""How verbs speak: text for people, one JSON envelope for machines, and exit codes with fixed meanings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import orjson
from rich.console import Console

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_KAFKA = 3
EXIT_NATS = 4

EXIT_CODES = {
    EXIT_OK: "done",
    EXIT_FAILURE: "the verb ran and found a failure: a refused command, an error answer, a failed check",
    EXIT_USAGE: "wrong usage or setting",
    EXIT_KAFKA: "Kafka cannot be reached or is configured otherwise",
    EXIT_NATS: "NATS cannot be reached, is configured otherwise or did not answer",
}

text = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def envelope(status: str, data: Any, diagnostics: Sequence[str] = ()) -> None:
    """Write the JSON envelope {version, status, data, diagnostics} to stdout."""
    body = {"version": 1, "status": status, "data": data, "diagnostics": list(diagnostics)}
    sys.stdout.buffer.write(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.flush()


def fail(code: int, line: str, *, as_json: bool = False) -> NoReturn:
    """End with one clear line and an exit code."""
    if as_json:
        envelope("error", None, [line])
    else:
        errors.print(f"person: {line}", markup=False)
    raise SystemExit(code)
