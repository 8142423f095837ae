"""`make bench`: all engines side by side on one embedded broker, the main job, commands and the bridge; one report.

Runs are interleaved (A B C, A B C, ...), each on fresh topics, groups and folders. The report is build/bench.json, the picture
build/bench.svg; `python -m benchmarks.report` writes the tables of the documentation from it."""

from __future__ import annotations

import argparse
import functools
import json
import math
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import commands, curves, machine, main_job, nats_kafka_peer, summary, targets
from benchmarks.engines.catalogue import ENGINES, Engine
from benchmarks.environments import MissingEnvironmentError, command_of, nats_kafka_program
from benchmarks.measure import Bench, RunFailedError, catch_up, open_loop
from benchmarks.topics import delete_topics, fill_topic
from benchmarks.workload import FEW_KEYS, MANY_KEYS
from local.stack import Endpoints, Stack
from ops.client import PersonClient

SECTIONS = ("catch_up", "open_loop", "curves", "main_job", "bridge", "commands")
ENGINE_SECTIONS = ("catch_up", "open_loop", "curves")
CURVE_ENGINES = ("lanes", "lanes7")
CURVE_SHARES = (0.10, 0.25, 0.50, 0.75, 0.90)
CURVE_SECONDS = 5.0
DECISIVE = ("lanes", "aiokafka")
"""Engines whose open-loop runs are repeated like catch-up runs: targets compare them closely."""
FIXED_RATES = (1_000, 3_000)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    runs: int
    seconds: float
    rates: Sequence[int]
    events: int | None
    main_job_events: int
    commands: int
    messages: int
    quick: bool = False


FULL = Plan(3, 8.0, (300, 1_000, 3_000), None, 60_000, 20_000, 200_000)
QUICK = Plan(1, 2.0, (200,), 4_000, 5_000, 1_000, 5_000, quick=True)
QUICK_ENGINES = ("lanes", "faust", "aiokafka")
QUICK_SECTIONS = ("catch_up", "open_loop")


class Run:
    """One run of the benchmark: what is measured where, and the report as it grows."""

    def __init__(self, folder: Path, plan: Plan, engines: Sequence[Engine]) -> None:
        self._folder = folder
        self._plan = plan
        self._engines = list(engines)
        self._made = 0
        self.report: dict[str, Any] = {"machine": machine.facts(), "load_before": machine.load(), "skipped": {}}

    async def measure(self, servers: Endpoints, sections: Sequence[str]) -> None:
        """Measure sections on running servers."""
        self._servers = servers
        self._bench = Bench(servers.kafka_bootstrap, self._folder / "runs")
        measured = {
            "catch_up": self.catch_up,
            "open_loop": self.open_loop,
            "curves": self.curves,
            "main_job": self.main_job,
            "commands": self.commands,
            "bridge": self.bridge,
        }
        for section in sections:
            try:
                await measured[section]()
            except Exception as error:
                # One section that fails must not cost what the others take minutes to measure.
                self._fail(section, error)

    def leave_out_missing(self) -> None:
        """Make the environments of the engines; those that cannot be made are named and left out."""
        for engine in list(self._engines):
            try:
                command_of(engine)
            except MissingEnvironmentError as error:
                self._skip(engine.name, str(error))
                self._engines.remove(engine)

    async def catch_up(self) -> None:
        """Events per second and processor time an event, for few and for many keys."""
        found: dict[str, Any] = {}
        for keys in (FEW_KEYS, MANY_KEYS) if not self._plan.quick else (FEW_KEYS,):
            engines = [engine for engine in self._engines if keys == FEW_KEYS or engine.many_keys]
            counts = {engine.name: self._plan.events or engine.events_of(keys) for engine in engines}
            topic = f"bench-{keys}-keys"
            await fill_topic(self._servers.kafka_bootstrap, topic, keys=keys, count=max(counts.values(), default=1))
            runs: dict[str, list[dict[str, Any]]] = {engine.name: [] for engine in engines}
            for _ in range(self._plan.runs):
                for engine in engines:
                    runs[engine.name] += await self._catch_up(engine, topic, counts[engine.name], keys)
            found[str(keys)] = {
                name: {**summary.of_runs(all_of), "runs": all_of} for name, all_of in runs.items() if all_of
            }
            await delete_topics(self._servers.kafka_bootstrap, topic)
        self.report["catch_up"] = found

    async def open_loop(self) -> None:
        """Latency at fixed rates, engine by engine."""
        found: dict[str, dict[str, Any]] = {}
        for rate in self._plan.rates:
            engines = [e for e in self._engines if rate in e.rates or (self._plan.quick and e.name == "lanes")]
            runs: dict[str, list[dict[str, Any]]] = {engine.name: [] for engine in engines}
            for number in range(self._plan.runs):
                for engine in engines:
                    decisive = engine.name in DECISIVE and rate in FIXED_RATES
                    sound = [run for run in runs[engine.name] if run["valid"]]
                    if number == 0 or decisive or not sound:
                        runs[engine.name] += await self._open_loop(engine, rate)
            for name, all_of in runs.items():
                if all_of:
                    found.setdefault(name, {})[str(rate)] = {**summary.middle_run(all_of), "runs": all_of}
        self.report["open_loop"] = found

    async def curves(self) -> None:
        """Latency of the lanes at shares of their measured maximum."""
        found: dict[str, Any] = {}
        for engine in self._engines:
            maximum = self.report.get("catch_up", {}).get(str(FEW_KEYS), {}).get(engine.name)
            if engine.name in CURVE_ENGINES and maximum:
                most = maximum["events_per_second"]["median"]
                runs = [
                    run
                    for share in CURVE_SHARES
                    for run in await self._open_loop(engine, round(most * share), CURVE_SECONDS)
                ]
                found[engine.name] = {"maximum": most, "runs": runs}
        self.report["curves"] = found

    async def main_job(self) -> None:
        """JetStream to all read models: catching up, and latency with its hops."""
        plan = self._plan
        found: dict[str, Any] = {}
        async with PersonClient(self._servers.nats_url) as client:
            await self._prepare_streams()
            last = await main_job.fill_events(client, plan.main_job_events)
            first = main_job.worker(self._servers, self._folder / "workers", "bench-whole-way")
            try:
                found["jetstream_to_tables"] = await main_job.catch_up(first, last)
            finally:
                _end(first)
            _say(f"main job  JetStream to all tables  {found['jetstream_to_tables']}")
            again = []
            for number in range(plan.runs):
                worker = main_job.worker(self._servers, self._folder / "workers", f"bench-again-{number}")
                try:
                    again.append(await main_job.catch_up(worker, last))
                finally:
                    _end(worker)
                _say(f"main job  Kafka to all tables  {again[-1]}")
            found["kafka_to_tables"] = {**summary.of_runs(again), "runs": again}
            running = main_job.worker(self._servers, self._folder / "workers", "bench-live")
            try:
                await main_job.catch_up(running, last)
                await main_job.settled(running)
                found["append_maximum"] = round(await main_job.append_maximum(client, plan.main_job_events // 10))
                await main_job.settled(running)
                most = min(found["append_maximum"], found["jetstream_to_tables"]["events_per_second"])
                rates = sorted({*(round(most * share) for share in CURVE_SHARES), *FIXED_RATES})
                found["open_loop"] = []
                for rate in plan.rates if plan.quick else rates:
                    one = await main_job.open_loop(client, running, rate, plan.seconds)
                    found["open_loop"].append(one)
                    _say(_line("main job, JetStream to all tables", one))
            finally:
                _end(running)
        self.report["main_job"] = found

    async def commands(self) -> None:
        """Commands through one worker of this system as it is installed."""
        worker = main_job.plain_worker(self._servers, self._folder / "workers", "bench-commands")
        worker.start()
        try:
            worker.await_ready()
            async with PersonClient(self._servers.nats_url) as client:
                at_rate = await commands.open_loop(client, 300, self._plan.seconds)
                _say(f"commands at 300/s  request to outcome {at_rate['outcome']}")
                at_once = []
                for _ in range(self._plan.runs):
                    at_once.append(await commands.concurrent(client, self._plan.commands))
                    _say(f"commands, {commands.COMMANDS_AT_ONCE} at once  {at_once[-1]}")
        finally:
            _end(worker)
        self.report["commands"] = {"open_loop": at_rate, "concurrent": {**summary.of_runs(at_once), "runs": at_once}}

    async def bridge(self) -> None:
        """Our bridge and nats-kafka on the same streams and topics."""
        kinds = list(nats_kafka_peer.ENGINES)
        try:
            nats_kafka_program()
        except MissingEnvironmentError as error:
            self._skip("nats_kafka", str(error))
            kinds = ["ours"]
        runs: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
        for _ in range(self._plan.runs):
            for kind in kinds:
                one = await self._tried(kind, functools.partial(self._bridge_of, kind))
                if one:
                    runs[kind].append(one)
                    _say(f"bridge  {kind:<20} {one}")
        self.report["bridge"] = {
            kind: {**summary.of_runs(all_of), "runs": all_of} for kind, all_of in runs.items() if all_of
        }

    async def _bridge_of(self, kind: str) -> dict[str, Any]:
        measured = nats_kafka_peer.ENGINES[kind]
        return await measured(self._servers, self._folder / "nats_kafka", self._plan.messages, self._plan.seconds)

    async def _catch_up(self, engine: Engine, topic: str, events: int, keys: int) -> list[dict[str, Any]]:
        one = await self._tried(engine.name, lambda: catch_up(self._bench, engine, topic, events, self._id(engine)))
        if one:
            _say(
                f"catch-up {keys:>9,} keys  {engine.label:<48} {one['events_per_second']:>8,} ev/s "
                f"{one['cpu_us_per_event']:>7.1f} us CPU/event"
            )
        return [one] if one else []

    async def _open_loop(self, engine: Engine, rate: int, at_most_s: float = math.inf) -> list[dict[str, Any]]:
        seconds = min(self._plan.seconds, at_most_s)
        one = await self._tried(engine.name, lambda: open_loop(self._bench, engine, rate, seconds, self._id(engine)))
        if one:
            _say(_line(engine.label, one))
        return [one] if one else []

    async def _prepare_streams(self) -> None:
        """Streams exist once a worker has started; no worker shall run while they are filled."""
        worker = main_job.plain_worker(self._servers, self._folder / "workers", "bench-prepare")
        worker.start()
        try:
            worker.await_ready()
        finally:
            _end(worker)

    async def _tried(self, name: str, measurement: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any] | None:
        try:
            return await measurement()
        except RunFailedError as error:
            self._fail(name, error)
            return None

    def _fail(self, name: str, error: Exception) -> None:
        self.report.setdefault("failed", []).append(f"{name}: {type(error).__name__} {error}")
        _say(f"FAILED {self.report['failed'][-1]}")

    def _skip(self, name: str, reason: str) -> None:
        self.report["skipped"][name] = reason
        _say(f"skipped {name}: {reason}")

    def _id(self, engine: Engine) -> str:
        self._made += 1
        return f"bench-{engine.name.replace('_', '-')}-{self._made}"


def main() -> int:
    """Measure, write report and picture, show the targets; 0 unless a run failed."""
    options = _options()
    plan = QUICK if options.quick else FULL
    plan = replace(plan, runs=options.runs or plan.runs, seconds=options.seconds or plan.seconds)
    only = [one for given in options.only for one in given.split(",")]
    known = {engine.name for engine in ENGINES}
    if unknown := [name for name in only if name not in known and name not in SECTIONS]:
        sys.exit(
            f"--only: {unknown[0]} is neither an engine ({', '.join(sorted(known))}) nor a section ({', '.join(SECTIONS)})"
        )
    engines = [engine for engine in ENGINES if engine.name in only or not known.intersection(only)]
    sections = [section for section in SECTIONS if section in only]
    if options.quick:
        engines = [engine for engine in engines if only or engine.name in QUICK_ENGINES]
        sections = sections or list(QUICK_SECTIONS)
    elif not sections:
        sections = list(ENGINE_SECTIONS if known.intersection(only) else SECTIONS)
    shutil.rmtree(options.data, ignore_errors=True)
    started = time.monotonic()
    run = Run(options.data, plan, engines)
    try:
        if set(ENGINE_SECTIONS).intersection(sections):
            run.leave_out_missing()
        # Commands get servers of their own: a new worker would first decide and fold everything that others have left.
        for group in (
            [section for section in sections if section != "commands"],
            [section for section in sections if section == "commands"],
        ):
            if group:
                with Stack(options.data / f"stack-{group[0]}", progress=_say) as stack:
                    uvloop.run(run.measure(stack.endpoints, group))
    finally:
        report = run.report
        report["load_after"] = machine.load()
        report["minutes"] = round((time.monotonic() - started) / 60, 1)
        report["targets"] = [asdict(checked) for checked in targets.check(report)]
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(report, indent=1) + "\n")
        options.report.with_suffix(".svg").write_text(curves.picture(report))
    for one in report["targets"]:
        if one["measured"] is not None:
            _say(f"{'met   ' if one['met'] else 'MISSED'}  {one['target']}: {one['measured']:g} ({one['bound']})")
    _say(f"{report['minutes']} minutes; written to {options.report}")
    return 1 if report.get("failed") else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="a few thousand events, one run: shows that everything works"
    )
    parser.add_argument("--only", action="append", default=[], help="engines or sections, comma separated")
    parser.add_argument("--runs", type=int, help="interleaved runs")
    parser.add_argument("--seconds", type=float, help="length of an open-loop run")
    parser.add_argument("--data", type=Path, default=Path("build/bench"))
    parser.add_argument("--report", type=Path, default=Path("build/bench.json"))
    return parser.parse_args()


def _line(label: str, run: dict[str, Any]) -> str:
    if run["overloaded"]:
        told = "overloaded"
    else:
        told = " ".join(f"{name} {run['visible'][name]}" for name in ("p50", "p95", "p99", "p99.9")) + " ms"
    void = "" if run["valid"] else f"   VOID: generator {run['generator_late']['p99']} ms late (p99)"
    return f"open loop {run['rate']:>7,} ev/s  {label:<48} {told}{void}"


def _end(worker: Any) -> None:
    worker.ask_to_end()
    worker.await_end()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
