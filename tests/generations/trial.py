"""One trial: an installation under load is built anew with another number of partitions, compared, switched to and rolled back.

It finds whatever was lost, differs or happened twice: rows by an independent fold, outcomes by asking again, effects by counting them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from nats.aio.client import Client

from agents.generations import read_register
from bridge.jetstream import api
from bridge.streams import ensure_stream
from config import streams
from config.settings import Settings
from config.streams import OUTBOUND
from domain.event_data.lifecycle import PersonAbsorbed, PersonMerged
from domain.status import Status
from local.stack import Endpoints
from ops.client import PersonClient
from ops.generations.comparing import compare
from ops.generations.declaring import declare, environment_of
from ops.generations.errors import GenerationError
from ops.generations.progress import progress
from ops.generations.switching import Switched, _Switching, switch
from ops.verification import read_all
from ops.verify.run import Wanted
from ops.watching import Watch
from ops.workers import Worker
from queries.generation_reports import ask_owners
from tests.generations.load import Load
from tests.generations.next_rows import FIELD, expected
from tests.short_lived import kill_team

Say = Callable[[str], None]
ACTOR = "user:rebuild"
LEVEL_WITHIN_S = 600.0
EFFECTS_WITHIN_S = 30.0


class NextWorker(Worker):
    """A worker of a release whose summary has another row."""

    module = "tests.generations.next_worker"


@dataclass(frozen=True)
class Options:
    """What a trial does. Persons are created before the new generation is built; `per_s` commands flow from then on."""

    persons: int
    per_s: float
    partitions: int = 4
    new_partitions: int = 8
    workers: int = 1
    seconds: float = 3.0
    """Load before and behind each switch."""
    seed: int = 1
    rolls_back: bool = True
    kills: bool = False
    """Kill a worker of the new generation while it is built; at the end, switch once more and kill one of the generation that serves."""
    built_at_once: bool = False
    """The new generation is there before the first person: what matters then is the switch."""


@dataclass
class Report:
    """What a trial found. `wrong` is empty when nothing was lost, differs or happened twice."""

    persons: int = 0
    events: int = 0
    commands: int = 0
    refused: int = 0
    answered: int = 0
    """Queries, asked all the time."""
    built_s: float = 0.0
    pauses_s: list[float] = field(default_factory=list)
    phases_s: list[dict[str, float]] = field(default_factory=list)
    longest_command_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


async def trial(servers: Endpoints, folder: Path, options: Options, say: Say) -> Report:
    """Run it on servers that hold nothing of an installation yet."""
    first = Settings(nats_url=servers.nats_url, kafka_bootstrap=servers.kafka_bootstrap, partitions=options.partitions)
    report = Report()
    with ExitStack() as running:
        await _create_streams(first)
        environment = {"PERSON_PARTITIONS": str(options.partitions)}
        old = running.enter_context(team("first", servers, folder, options.workers, environment))
        async with PersonClient(servers.nats_url) as client:
            load = Load(client, per_s=options.per_s, seed=options.seed, persons=options.persons)
            new = await _built(running, client.nc, servers, folder, first, options) if options.built_at_once else []
            await _ready(old)
            began = time.monotonic()
            await load.create(range(options.persons))
            say(f"{options.persons} persons in {time.monotonic() - began:.1f} s")
            load.start()
            seen = running.enter_context(watching(servers, report))
            began = time.monotonic()
            new = new or await _built(running, client.nc, servers, folder, first, options)
            if options.kills and not options.built_at_once:
                await _kill_while_it_is_built(client.nc, first, new[0], say)
            await _ready(new)
            await _until_level(client.nc, first, say)
            report.built_s = round(time.monotonic() - began, 1)
            await _change_generations(client.nc, first, options, old, load, report, say)
            await _check_seen(client.nc, seen, report)
    return report


async def _create_streams(first: Settings) -> None:
    """What a first worker creates, so that a generation can be declared before it is there."""
    async with PersonClient(first.nats) as client:
        for declared in streams.streams(first.partitions, first.replicas):
            await ensure_stream(client.nc, declared)


async def _built(
    running: ExitStack, nc: Client, servers: Endpoints, folder: Path, first: Settings, options: Options
) -> list[Worker]:
    held = await declare(nc, first, "next", options.new_partitions, by=ACTOR)
    environment = environment_of(first, held.register.generations["next"])
    return running.enter_context(team("next", servers, folder, options.workers, environment))


async def _ready(workers: list[Worker]) -> None:
    for worker in workers:
        await asyncio.to_thread(worker.await_ready)


async def _change_generations(
    nc: Client, first: Settings, options: Options, old: list[Worker], load: Load, report: Report, say: Say
) -> None:
    await _compare(nc, first, "next", report, say)
    await _break_off(nc, first, report, say)
    _note(report, await switch(nc, first, "next", by=ACTOR, timeout_s=60, say=say), say)
    await _look_at_rows(load, 2, report)
    await asyncio.sleep(options.seconds)
    if options.rolls_back:
        _note(report, await switch(nc, first, "", by=ACTOR, timeout_s=60, say=say), say)
        await _look_at_rows(load, None, report)
        await asyncio.sleep(options.seconds)
    if options.kills:
        _note(report, await _switch_while_a_worker_dies(nc, first, old[0], say), say)
        await asyncio.sleep(options.seconds)
    await load.stop()
    report.longest_command_s = round(load.longest_s, 2)
    report.commands = len(load.told)
    report.refused = sum(one["status"] == "refused" for one in load.told.values())
    report.answered = load.answered
    report.wrong += [f"{count} queries were not answered: {why}" for why, count in load.unanswered.items()]
    await _until_quiet(nc, first, say)
    for name in ("", "next"):
        await _compare(nc, first, name, report, say)
    report.wrong += [f"command {one} is answered otherwise now" for one in await load.repeat(50)]
    await _check_effects(nc, load, report)


async def _look_at_rows(load: Load, version: int | None, report: Report) -> None:
    """Clients are shown the rows of the generation that serves."""
    [row] = await load.summary(0)
    if row.get(FIELD) != version:
        report.wrong.append(f"clients are shown {FIELD} {row.get(FIELD)}, not {version}")


async def _break_off(nc: Client, first: Settings, report: Report, say: Say) -> None:
    """Let a switch fail at its last step: it is taken back, and whoever served goes on."""
    with mock.patch.object(_Switching, "_hand_over", side_effect=GenerationError("broken off on purpose")):
        try:
            await switch(nc, first, "next", by=ACTOR, timeout_s=60, say=say)
        except GenerationError as error:
            say(str(error))
    register = (await read_register(nc, first.installation)).register
    if (register.serving, register.phase, register.term, register.events_up_to) != ("", "serving", 2, 0):
        report.wrong.append(
            f"a switch that failed has left {register.serving!r} {register.phase} {register.events_up_to}"
        )


async def _switch_while_a_worker_dies(nc: Client, first: Settings, dying: Worker, say: Say) -> Switched:
    """A worker of the generation that serves is killed behind the first phase; another one takes its partitions over, or it comes again."""
    switching = asyncio.create_task(switch(nc, first, "next", by=ACTOR, timeout_s=120, say=say))
    while (await read_register(nc, first.installation)).register.phase == "serving" and not switching.done():  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    dying.process.kill()
    say(f"{dying.name} is killed")
    dying.start()
    done = await switching
    await _ready([dying])
    return done


async def _kill_while_it_is_built(nc: Client, first: Settings, dying: Worker, say: Say) -> None:
    """A worker of the new generation is killed between the first event that it has folded and the last, and comes again."""
    new = (await read_register(nc, first.installation)).register.generations["next"]
    deadline = time.monotonic() + LEVEL_WITHIN_S
    while not any(one["events"] for one in (await ask_owners(nc, new.app_id, new.partitions)).values()):
        assert time.monotonic() < deadline, "the new generation folds nothing"
        await asyncio.sleep(0.01)
    dying.process.kill()
    say(f"{dying.name} is killed while it fills its tables")
    dying.start()


async def _until_level(nc: Client, first: Settings, say: Say) -> None:
    deadline = time.monotonic() + LEVEL_WITHIN_S
    while True:
        [_, new] = await progress(nc, first, over_s=0.2)
        if new.lacks < 100 and not new.silent and new.outcomes_lacking < 100:
            return
        say(f"the new generation lacks {new.lacks} events, {new.lag_s} s, done in {new.eta_s} s")
        assert time.monotonic() < deadline, new


async def _until_quiet(nc: Client, first: Settings, say: Say) -> None:
    deadline = time.monotonic() + LEVEL_WITHIN_S
    quiet = 0
    while quiet < 3:
        told = await progress(nc, first, over_s=0.3)
        quiet = 0 if any(one.lacks or one.outcomes_lacking for one in told) else quiet + 1
        assert time.monotonic() < deadline, told
    say("everything is folded")


async def _compare(nc: Client, first: Settings, name: str, report: Report, say: Say) -> None:
    with expected() if name else nullcontext():
        found = await compare(nc, first, name, Wanted())
    shown = name or "first"
    say(f"{shown}: {found.tally.persons} persons, {found.tally.events} events, {len(found.tally.findings)} findings")
    report.persons, report.events = found.tally.persons, found.tally.events
    report.wrong += [f"{shown}: {one.line(values=True)}" for one in found.tally.findings]


@contextmanager
def watching(servers: Endpoints, report: Report) -> Iterator[dict[str, int]]:
    """The last event of each person that somebody is told of who watches their summaries all the time."""
    seen: dict[str, int] = {}

    async def follow() -> None:
        async with PersonClient(servers.nats_url) as client:
            async for message in Watch(client, "summary", {"status": [*Status]}).messages():
                if "person_id" in message:
                    person_id, sequence = message["person_id"], message["sequence"]
                    if sequence <= seen.get(person_id, 0):
                        report.wrong.append(f"a change of event {sequence} is told behind {seen[person_id]}")
                    seen[person_id] = sequence

    task = asyncio.get_running_loop().create_task(follow())
    try:
        yield seen
        if task.done():
            report.wrong.append(f"who watches was cut off: {task.exception()!r}")
    finally:
        task.cancel()


async def _check_seen(nc: Client, seen: dict[str, int], report: Report) -> None:
    """Whoever watched has been told of the last event of every person, over all switches."""
    last = {event.person_id: event.sequence for _, _, event in await read_all(nc)}
    deadline = time.monotonic() + EFFECTS_WITHIN_S
    while seen != last:
        if time.monotonic() > deadline:
            behind = sum(seen.get(person_id) != sequence for person_id, sequence in last.items())
            report.wrong.append(f"who watches lacks changes of {behind} of {len(last)} persons")
            return
        await asyncio.sleep(0.1)


async def _check_effects(nc: Client, load: Load, report: Report) -> None:
    """Each person was created with a name that one policy flags, and each that was merged is absorbed and a neighbour is told, all once."""
    deadline = time.monotonic() + EFFECTS_WITHIN_S
    while True:
        wrong = await _wrong_effects(nc, load)
        if not wrong or time.monotonic() > deadline:
            report.wrong += wrong
            return
        await asyncio.sleep(0.5)


async def _wrong_effects(nc: Client, load: Load) -> list[str]:
    flagged: Counter[str] = Counter()
    absorbed: Counter[str] = Counter()
    created: set[str] = set()
    merged: set[str] = set()
    for _, _, event in await read_all(nc):
        if event.type == "person.created":
            created.add(event.person_id)
        elif event.type == "person.quality_flagged":
            flagged[event.person_id] += 1
        elif isinstance(event.data, PersonMerged):
            merged.add(event.person_id)
        elif isinstance(event.data, PersonAbsorbed):
            absorbed[event.data.source_person_id] += 1
    wrong = []
    if len(created) != load.persons:
        wrong.append(f"{load.persons} persons were asked for, {len(created)} were created")
    # Whoever was merged before the policy spoke is not flagged any more.
    wrong += _not_once("flagged", created - merged, flagged, optional=merged)
    wrong += _not_once("absorbed", merged, absorbed)
    told = int((await api(nc, f"STREAM.INFO.{OUTBOUND}"))["state"]["messages"])
    if told != len(merged):
        wrong.append(f"{told} messages tell neighbours of {len(merged)} merges")
    return wrong


def _not_once(what: str, whom: Set[str], counted: Counter[str], *, optional: Set[str] = frozenset()) -> list[str]:
    lacking = sum(counted[one] == 0 for one in whom)
    more = sum(count > 1 for count in counted.values()) + len(counted.keys() - whom - optional)
    return [f"{lacking} of {len(whom)} persons are not {what}, {more} too often"] if lacking or more else []


def _note(report: Report, done: Switched, say: Say) -> None:
    report.pauses_s.append(done.pause_s)
    report.phases_s.append(done.phases_s)
    say(f"{done.came_to or 'first'} serves; commands waited for {done.pause_s} s")


@contextmanager
def team(name: str, servers: Endpoints, folder: Path, workers: int, settings: dict[str, str]) -> Iterator[list[Worker]]:
    """Workers of one generation; they are stopped at the end."""
    kind = NextWorker if name == "next" else Worker
    made = [
        kind(
            f"{name}-{number}",
            nats_url=servers.nats_url,
            kafka_bootstrap=servers.kafka_bootstrap,
            data=folder / f"{name}-{number}",
            logs=folder / "logs",
            settings=settings,
        )
        for number in range(1, workers + 1)
    ]
    try:
        for worker in made:
            worker.start()
        yield made
    finally:
        kill_team(made)


def as_json(report: Report) -> dict[str, Any]:
    """The report for a file."""
    return {**report.__dict__, "clean": not report.wrong}
