"""`make drill`: a release breaks a fold under load, is mended and made up for; then all tables are built anew with other rows and twice the partitions.

It ends with 0 only if nothing was lost, differs or happened twice, and neighbours of the parked persons never stopped."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

from local.errors import StackError
from local.stack import Stack
from ops.workers import WorkerError
from tests.drill.drill import Drill, DrillError, Options


def main() -> int:
    """Run it; the exit code says whether it is clean."""
    parser = argparse.ArgumentParser(prog="drill", description=__doc__)
    parser.add_argument("--persons", type=int, default=100_000, help="persons before the release breaks")
    parser.add_argument("--rate", type=float, default=50.0, help="commands per second all the while")
    parser.add_argument("--data", type=Path, default=Path("build/drill"), help="folder of the run; it is emptied")
    parser.add_argument("--report", type=Path, default=Path("build/drill.json"), help="where the report goes")
    given = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    shutil.rmtree(given.data, ignore_errors=True)
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:7.1f} s  {text}\n")
        sys.stdout.flush()

    try:
        with Stack(given.data / "stack") as stack:
            drill = Drill(stack.endpoints, given.data, Options(given.persons, per_s=given.rate), say)
            asyncio.run(drill.run())
    except (DrillError, StackError, WorkerError) as error:
        sys.stderr.write(f"drill: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    found = {**asdict(drill.report), "seconds": round(time.monotonic() - began, 1), "clean": not drill.report.wrong}
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps(found, indent=2) + "\n")
    say(json.dumps(found, indent=2))
    return 1 if drill.report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
