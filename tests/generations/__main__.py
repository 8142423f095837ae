"""`make generations`: a generation with another number of partitions is built beside the serving one, under load, takes over and is
rolled back. It ends with 0 only if no row differs, no outcome has changed and every effect came once."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from dataclasses import fields
from pathlib import Path

from local.stack import Stack
from tests.generations.trial import Options, as_json, trial


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(prog="generations", description=__doc__)
    parser.add_argument(
        "--persons", type=int, default=2000, help="persons that exist before the new generation is built"
    )
    parser.add_argument("--rate", type=float, default=50.0, help="commands per second from then on")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--new-partitions", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1, help="of each generation")
    parser.add_argument("--seconds", type=float, default=5.0, help="load behind each switch")
    parser.add_argument("--kills", action="store_true", help="switch once more while a serving worker is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--data", type=Path, default=Path("build/generations"), help="folder of the run; it must be new"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    values = {**vars(given), "per_s": given.rate}
    options = Options(**{field.name: values[field.name] for field in fields(Options) if field.name in values})
    with Stack(given.data / "stack") as stack:
        report = asyncio.run(trial(stack.endpoints, given.data, options, say))
    say(json.dumps(as_json(report), indent=2))
    return 1 if report.wrong else 0


def say(text: str) -> None:
    """One line for the operator, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
