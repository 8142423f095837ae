"""`make sagas`: thousands of sagas on real servers with failing neighbours and killed workers, each followed to its end.

It ends with 0 only if every saga has an end that its faults allow and no person is left half-changed; a failing run keeps its folder."""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import sys
from pathlib import Path

from local.errors import StackError
from ops.workers import WorkerError
from tests.processes.trial import Options, run


def main() -> int:
    """Run once; 0 only if all goals are met."""
    parser = argparse.ArgumentParser(prog="sagas", description=__doc__)
    parser.add_argument(
        "--onboardings", type=int, default=2000, help="how many; a quarter as many syncs come with them"
    )
    parser.add_argument("--seed", type=int, help="seed of the cases")
    parser.add_argument("--rate", type=float, default=10.0, help="sagas started per second")
    parser.add_argument("--unit", type=float, default=20.0, help="seconds that scale the time limits of steps")
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds between two kills; 0: none")
    parser.add_argument("--data", type=Path, default=Path("build/sagas"), help="folder of the run")
    parser.add_argument("--report", type=Path, default=Path("build/sagas.json"), help="where the report goes")
    given = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    options = Options(
        onboardings=given.onboardings,
        seed=given.seed if given.seed is not None else secrets.randbelow(1_000_000),
        data=given.data,
        per_s=given.rate,
        unit_s=given.unit,
        kill_every_s=given.kill_every or None,
    )
    say(f"seed {options.seed}")
    try:
        report = run(options, say)
    except (StackError, WorkerError) as error:
        say(f"sagas: {error}")
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps(report, indent=2) + "\n")
    say(json.dumps(report, indent=2))
    if not report["clean"]:
        say(f"run it again: make sagas N={options.onboardings} SEED={options.seed}")
    return 0 if report["clean"] else 1


def say(text: str) -> None:
    """One line for the operator, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
