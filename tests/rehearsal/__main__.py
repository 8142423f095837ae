"""`make rehearse`: add a worker, upgrade one, kill one, roll all, remove one, under load on real servers, and check everything.

It writes build/rehearsal.json and ends with 0 only if nothing was lost, nothing happened twice and nobody had to be killed."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import uvloop

from local.errors import StackError
from local.stack import Stack
from ops.workers import WorkerError
from tests.rehearsal.rehearsal import STEPS, Options, Rehearsal, rehearse


def main() -> int:
    """Run it; the exit code says whether it is clean."""
    parser = argparse.ArgumentParser(prog="rehearsal", description=__doc__)
    parser.add_argument("--steps", default=",".join(STEPS), help="comma separated steps, in order")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="NATS servers and Kafka brokers")
    parser.add_argument("--workers", type=int, default=2, help="workers at the beginning")
    parser.add_argument("--persons", type=int, default=400, help="persons that get commands")
    parser.add_argument("--rate", type=float, default=60.0, help="commands per second")
    parser.add_argument("--data", type=Path, default=Path("build/rehearsal"), help="folder of the run")
    parser.add_argument("--report", type=Path, default=Path("build/rehearsal.json"), help="where the report goes")
    given = parser.parse_args()
    unknown = set(given.steps.split(",")) - set(STEPS)
    if unknown:
        parser.error(f"there is no step {', '.join(sorted(unknown))}; there are: {', '.join(STEPS)}")
    logging.basicConfig(level=logging.CRITICAL)
    shutil.rmtree(given.data, ignore_errors=True)
    options = Options(
        steps=given.steps.split(","),
        workers=given.workers,
        persons=given.persons,
        per_s=given.rate,
        settings={"PERSON_REPLICAS": str(given.nodes)},
    )
    try:
        with Stack(given.data / "stack", nodes=given.nodes) as stack:
            found = uvloop.run(rehearse(stack.endpoints, given.data, options))
    except (StackError, WorkerError, TimeoutError) as error:
        sys.stderr.write(f"rehearsal: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps({**asdict(found), "clean": found.clean}, indent=2) + "\n")
    sys.stdout.write(as_text(found, given.report))
    return 0 if found.clean else 1


def as_text(found: Rehearsal, report: Path) -> str:
    """The report as people read it."""
    lines = [f"{'step':8}  {'took':>7}  {'commands':>8}  {'p50':>7}  {'p95':>7}  {'longest pause':>13}"]
    lines += [
        f"{step.name:8}  {step.seconds:6.1f}s  {step.commands:8}  {step.p50_s:6.3f}s  {step.p95_s:6.3f}s  {step.longest_s:12.2f}s"
        for step in found.steps
    ]
    lines += [
        f"commands    {found.commands}",
        f"lost        {found.lost}",
        f"twice       {found.twice}",
        f"exit codes  {', '.join(map(str, found.exit_codes)) or 'none'}",
        *(f"difference  {line}" for line in found.differences[:10]),
        f"The report as JSON: {report}",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
