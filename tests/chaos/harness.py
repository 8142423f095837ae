"""One run of the harness: an installation, its rounds and the report."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ops.client import PersonClient
from ops.workers import Worker
from tests.chaos import report
from tests.chaos.installation import Installation
from tests.chaos.plan import CLUSTER, SINGLE, Kind
from tests.chaos.rounds import Chaos, Round, Run
from tests.chaos.sabotaged_worker import SabotagedWorker

COMMANDS_PER_S = 120.0


@dataclass(frozen=True)
class Options:
    """What to run. `only`: faults to choose from, none means all; `sabotage`: guarantees that the workers do without."""

    seed: int
    rounds: int
    data: Path
    per_s: float = COMMANDS_PER_S
    only: frozenset[Kind] = frozenset()
    sabotage: str | None = None
    mode: Literal["single", "cluster"] = "single"


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Run the rounds and return the report; the data folder is kept when something was found."""
    shutil.rmtree(options.data, ignore_errors=True)
    found = asyncio.run(_run(options, say))
    if found["clean"]:
        shutil.rmtree(options.data, ignore_errors=True)
    else:
        say(f"kept: {options.data}")
    return found


async def _run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    worker_class: type[Worker] = Worker
    settings = {}
    if options.sabotage is not None:
        worker_class, settings = SabotagedWorker, {"CHAOS_SABOTAGE": options.sabotage}
    nodes = 3 if options.mode == "cluster" else 1
    async with Installation(options.data, nodes=nodes, worker_class=worker_class, settings=settings) as installation:
        unavailable = installation.equipment.unavailable
        for kind, reason in unavailable.items():
            say(f"skipped: {kind}: {reason}")
        async with PersonClient(installation.stack.endpoints.nats_url) as client:
            chaos = Chaos(installation, client, per_s=options.per_s)
            possible = sorted((options.only or (CLUSTER if nodes > 1 else SINGLE)) - unavailable.keys())

            def progress(one: Round, number: int) -> None:
                say(report.line(one, number))
                if not one.findings.clean:
                    for text in report.failure(one, chaos.checks):
                        say(text)

            done: Run = await chaos.run(options.seed, options.rounds, possible, progress=progress)
            if not done.last_findings.clean:
                say(f"the check over all rounds failed: make chaos SEED={options.seed} ROUNDS={options.rounds}")
                for text in report.differences(done.last_findings):
                    say(text)
            if not done.clean:
                await asyncio.to_thread(installation.equipment.keep)
            return report.as_data(done, chaos.checks, chaos.egress.records, unavailable, options.mode)
