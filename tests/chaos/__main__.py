"""`make chaos`: rounds of random faults on an embedded installation under load, each checked to the last row.

It ends with 0 only if nothing was lost, nothing happened twice and everything is in order; a failing run keeps its folder."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import sys
from pathlib import Path

from local.errors import StackError
from ops.workers import WorkerError
from tests.chaos.harness import COMMANDS_PER_S, Options, run
from tests.chaos.plan import Kind


def main() -> int:
    """Run the rounds; 0 only if all of them are clean."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how many rounds")
    parser.add_argument("--seed", type=int, help="seed of the first round; each further round has the next")
    parser.add_argument("--rate", type=float, default=COMMANDS_PER_S, help="commands per second")
    parser.add_argument("--only", default="", help="comma separated faults to choose from; all if left out")
    parser.add_argument(
        "--sabotage",
        help="guarantees that the workers do without (tests/chaos/sabotaged_app.py); the run must find what is lost then",
    )
    parser.add_argument("--mode", choices=("single", "cluster"), default="single", help="one node or three")
    parser.add_argument("--data", type=Path, default=Path("build/chaos"), help="folder of the run")
    parser.add_argument("--report", type=Path, default=Path("build/chaos.json"), help="where the report goes")
    given = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    options = Options(
        seed=given.seed if given.seed is not None else secrets.randbelow(1_000_000),
        rounds=given.rounds,
        data=given.data,
        per_s=given.rate,
        only=frozenset(Kind(name) for name in given.only.split(",") if name),
        sabotage=given.sabotage,
        mode=given.mode,
    )
    try:
        found = run(options, say)
    except (StackError, WorkerError) as error:
        say(f"chaos: {error}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps(found, indent=2) + "\n")
    say(json.dumps(found))
    return 0 if found["clean"] else 1


def say(text: str) -> None:
    """One line for the operator, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
