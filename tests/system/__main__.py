"""`python -m tests.system`: the whole system against the pure model, on servers of its own. Ends with 0 only if nothing differs."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import secrets
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from local.stack import Stack
from ops.up import start_team, stop_team
from tests.system.run import SETTINGS, Findings, Plan, run

SHOWN = 20


def main() -> int:
    """Run once; 0 only if servers and model agree."""
    parser = argparse.ArgumentParser(prog="tests.system", description=__doc__)
    parser.add_argument("--persons", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=4, help="rounds of commands, each followed by merges")
    parser.add_argument("--commands", type=int, default=4, help="commands of each person in a round")
    parser.add_argument("--merges", type=int, default=12, help="merges after a round")
    parser.add_argument("--questions", type=int, default=60, help="random queries of each kind")
    parser.add_argument("--seed", type=int, help="a random one if left out")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    seed = given.seed if given.seed is not None else secrets.randbelow(1_000_000)
    plan = Plan(seed, given.persons, given.rounds, given.commands, given.merges, given.questions, restarts=True)
    say(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="person-system-") as folder, Stack(Path(folder) / "stack") as stack:
        team = start_team(stack.endpoints, given.workers, Path(folder), SETTINGS)
        try:
            found = asyncio.run(run(plan, stack.endpoints, team, say))
        finally:
            stop_team(team)
    return report(plan, found)


def report(plan: Plan, found: Findings) -> int:
    """Say what was found; 0 if nothing differs."""
    for line in found.happened:
        say(line)
    for line in found.differences[:SHOWN]:
        say(line)
    totals = {name: value for name, value in asdict(found).items() if name not in ("differences", "happened")}
    say(json.dumps({"seed": plan.seed, **totals, "differences": len(found.differences)}))
    return 1 if found.differences else 0


def say(text: str) -> None:
    """One line for the operator, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
