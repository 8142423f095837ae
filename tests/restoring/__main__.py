"""`python -m tests.restoring`: verify, damage, heal, save under load, restore to empty servers, verify; at the size that is asked for.

It ends with 0 only if both verifications are clean, every damage was found and healed, and every answer is the first one."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from pathlib import Path

from local.errors import StackError
from ops.workers import WorkerError
from tests.restoring.trial import Options, run


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(prog="python -m tests.restoring", description=__doc__)
    parser.add_argument("--persons", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--load", type=float, default=50.0, help="commands a second while it is verified and saved")
    parser.add_argument("--rate", type=float, help="messages, records and rows that a verification reads a second")
    parser.add_argument("--data", type=Path, default=Path("build/restoring"), help="folder of the run; emptied first")
    parser.add_argument("--report", type=Path, default=Path("build/restoring.json"), help="where the report goes")
    given = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    shutil.rmtree(given.data, ignore_errors=True)
    given.data.mkdir(parents=True)
    options = Options(given.data.resolve(), given.persons, given.workers, given.load, given.rate)
    try:
        result = run(options, say)
    except (StackError, WorkerError) as error:
        say(f"restoring: {error}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    report = json.dumps(result.as_data(), indent=2)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(report + "\n")
    say(report)
    return 0 if result.good else 1


def say(text: str) -> None:
    """One line for the operator, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
