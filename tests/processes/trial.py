"""One run: cases are started under kills, all sagas come to their ends, and what JetStream holds then is checked."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.inactivity_schedule import sweep_now
from config.settings import Settings
from domain.sagas.state import Saga
from local.neighbours.faults import Behaviour, read_behaviour
from ops.client import ClientError, PersonClient, QueryFailed
from tests.processes.cases import Case, cases
from tests.processes.causality import faults_of, read_messages
from tests.processes.checks import Result, check
from tests.processes.installation import Installation, installation
from tests.processes.outage import outage
from tests.processes.people import People
from tests.processes.truth import Processes

FAULTS = Path(__file__).with_name("neighbours.toml")
PARTITIONS = Settings.model_fields["partitions"].default
LOOK_EVERY_S = 1.0
SAID_EVERY_S = 10.0


@dataclass(frozen=True)
class Options:
    """What to run. `unit_s` scales the time limits of steps; no worker is killed where `kill_every_s` is None."""

    onboardings: int
    seed: int
    data: Path
    per_s: float = 10.0
    unit_s: float = 20.0
    kill_every_s: float | None = 20.0
    patience_s: float = 300.0
    """How long after the last case all sagas must have ended."""
    outage_sagas: int = 20
    """Sagas whose time limit passes while no worker runs, behind all others; none: no such outage."""
    faults: Path = FAULTS


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Run and return the report; the data folder is kept when something was found."""
    shutil.rmtree(options.data, ignore_errors=True)
    with installation(options.data, unit_s=options.unit_s, faults=options.faults, say=say) as running:
        report = asyncio.run(_run(options, running, say))
    if report["clean"]:
        shutil.rmtree(options.data, ignore_errors=True)
    else:
        say(f"kept: {options.data}")
    return report


async def _run(options: Options, running: Installation, say: Callable[[str], None]) -> dict[str, Any]:
    planned = cases(options.onboardings, seed=options.seed, per_s=options.per_s)
    found = Processes()
    begun = time.monotonic()
    async with PersonClient(running.nats_url) as client:
        people = People(client)
        await people.listen()
        killing = None
        if options.kill_every_s is not None:
            killing = asyncio.create_task(running.kill_every(options.kill_every_s, say))
        try:
            say(f"starting {len(planned)} sagas, {options.per_s:g} a second")
            await people.play(planned)
            hanging = await _until_ended(planned, found, client, running, options.patience_s, say)
            if killing is not None and killing.done():
                # A worker did not come back; the kills ended early.
                killing.result()
        finally:
            if killing is not None:
                killing.cancel()
                await asyncio.gather(killing, return_exceptions=True)
            await people.stop()
        lasted = time.monotonic() - begun
        say(f"{len(planned) - hanging} sagas ended within {lasted:.0f} s; checking")
        await running.ready()
        shown = await _shown(client, planned, found)
        await found.read_all(client.nc)
        result = check(planned, found, read_behaviour(options.faults), shown)
        result.violations += people.unexpected + running.check() + faults_of(await read_messages(client.nc))
        report = _report(options, result, found, running, people, lasted)
        if options.outage_sagas:
            say("killing all workers until the time limits of new sagas are over")
            dead = await outage(client, running, found, sagas=options.outage_sagas, seed=options.seed)
            report["outage"] = dead.as_data()
            report["violations"] += dead.violations
            report["clean"] = report["clean"] and not dead.violations
    return report


async def _until_ended(
    planned: list[Case],
    found: Processes,
    client: PersonClient,
    running: Installation,
    patience_s: float,
    say: Callable[[str], None],
) -> int:
    """Wait until every saga has ended; returns how many have not when patience is over."""
    deadline = time.monotonic() + patience_s
    said = time.monotonic()
    while True:
        await found.read_sagas(client.nc)
        missing = [case for case in planned if not _ended(found.sagas.get(case.saga_id))]
        if not missing or time.monotonic() > deadline:
            return len(missing)
        if time.monotonic() - said > SAID_EVERY_S:
            said = time.monotonic()
            say(f"{len(planned) - len(missing)} of {len(planned)} sagas have ended")
        for line in running.check():
            say(line)
        # Far more often than once a day, and in the middle of everything: each silence is reported once all the same.
        await sweep_now(client.nc, PARTITIONS)
        await asyncio.sleep(LOOK_EVERY_S)


def _ended(saga: Saga | None) -> bool:
    return saga is not None and saga.is_ended


async def _shown(client: PersonClient, planned: list[Case], found: Processes) -> Mapping[str, Mapping[str, Any]]:
    """The rows of list_sagas for all planned sagas, asked again until they have caught up with the stream."""
    deadline = time.monotonic() + 60
    while True:
        try:
            rows = [row async for row in client.stream("list_sagas", {})]
        except (ClientError, QueryFailed):
            rows = []
        shown = {row["saga_id"]: row for row in rows}
        behind = [
            case
            for case in planned
            if (saga := found.sagas.get(case.saga_id)) is not None
            and shown.get(case.saga_id, {}).get("status") != saga.status
        ]
        if not behind or time.monotonic() > deadline:
            return shown
        await asyncio.sleep(0.5)


def _report(
    options: Options,
    result: Result,
    found: Processes,
    running: Installation,
    people: People,
    lasted_s: float,
) -> dict[str, Any]:
    behaviour: Behaviour = read_behaviour(options.faults)
    faults = [
        behaviour.plan(command.domain, command.verb, command.id, 1).what
        for commands in found.asked.values()
        for command in {one.id: one for one in commands}.values()
    ]
    return {
        "seed": options.seed,
        "clean": result.clean,
        "started": sum(result.started.values()),
        "completed": result.ended("completed"),
        "compensated": result.ended("compensated"),
        "parked": result.ended("parked"),
        "hanging": result.ended("hanging") + result.ended("missing"),
        "recoverable": result.recoverable,
        "completion_of_recoverable": round(result.completion_of_recoverable, 5),
        "half_changed_persons": len({line.partition(" ")[0] for line in result.half_changed}),
        "by_saga": {name: result.ends[name] for name in sorted(result.ends)},
        "neighbours": {what: faults.count(what) for what in sorted(set(faults))},
        "commands": people.commands,
        "saga_events": sum(map(len, found.history.values())),
        "kills": running.kills,
        "seconds": round(lasted_s, 1),
        "violations": result.violations[:50],
        "half_changed": result.half_changed[:50],
    }
