"""Runs one engine once, as a child process on fresh topics, group and folder, and reads its report."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engines.catalogue import Engine
from benchmarks.environments import command_of
from benchmarks.generate import FIRST_EVENTS
from benchmarks.percentiles import in_milliseconds
from benchmarks.topics import create_topic, delete_topics
from benchmarks.workload import PARTITIONS
from local.processes import ChildProcess

REPOSITORY = Path(__file__).parent.parent
CATCH_UP_BUDGET_S = 180.0
DRAIN_BUDGET_S = 45.0
"""How long an engine may take after the last event was due; the slowest peer commits every 30 s."""
COLD_EVENTS = 100_000
MAX_LATE_P99_MS = 5.0
"""A run whose generator was later than this says nothing about the engine."""


class RunFailedError(Exception):
    """An engine ended without a report, or not in time; the message holds the last line of its log."""


@dataclass(frozen=True)
class Bench:
    """Where measurements run."""

    kafka: str
    folder: Path


async def catch_up(bench: Bench, engine: Engine, topic: str, events: int, run_id: str) -> dict[str, Any]:
    """Read `events` events of a filled topic; rates count from the first record to the last event done."""
    folder = _fresh(bench.folder / run_id)
    process = _process(bench, engine, folder, topic=topic, events=events, run_id=run_id, open_loop=False)
    cpu_before = _cpu_of_ended_children()
    process.start()
    try:
        await _end_of(process, CATCH_UP_BUDGET_S)
    finally:
        process.kill()
    report = _report(process, folder)
    marks = report["marks"]
    early = next((mark for mark in marks if mark[0] >= COLD_EVENTS), marks[-1])
    half = next(mark for mark in marks if mark[0] * 2 >= report["events"])
    await delete_topics(bench.kafka, run_id)
    shutil.rmtree(folder)
    return {
        "events": report["events"],
        "events_per_cycle": round(report["events"] / report["cycles"], 1),
        **_pace(marks[0], marks[-1]),
        "first_100k": _pace(marks[0], early),
        "second_half": _pace(half, marks[-1]),
        "process_cpu_s": round(_cpu_of_ended_children() - cpu_before, 2),
    }


async def open_loop(bench: Bench, engine: Engine, rate: float, seconds: float, run_id: str) -> dict[str, Any]:
    """Offer events at a fixed rate; latency is from due time to visible and acknowledged, the first quarter left out."""
    folder = _fresh(bench.folder / run_id)
    topic = f"{run_id}-events"
    await create_topic(bench.kafka, topic)
    events = FIRST_EVENTS + int(rate * seconds)
    process = _process(bench, engine, folder, topic=topic, events=events, run_id=run_id, open_loop=True)
    generator = ChildProcess(
        "generator",
        [
            *(sys.executable, "-m", "benchmarks.generate", "--kafka", bench.kafka, "--topic", topic),
            *("--rate", str(rate), "--seconds", str(seconds)),
            *("--started", str(folder / "started"), "--report", str(folder / "generator.json")),
        ],
        log=folder / "generator.log",
        cwd=REPOSITORY,
    )
    process.start()
    generator.start()
    try:
        code = await _end_of(generator, seconds + 90)
        if code:
            raise RunFailedError(f"generator: {generator.last_log_line}")
        generated = json.loads((folder / "generator.json").read_text())
        overloaded = False
        try:
            await _end_of(process, DRAIN_BUDGET_S)
        except RunFailedError:
            overloaded = True
    finally:
        process.kill()
        generator.kill()
    result: dict[str, Any] = {
        "rate": rate,
        "seconds": seconds,
        "generator_late": generated["late"],
        "kafka_append": generated["kafka_append"],
        "valid": generated["late"]["p99"] <= MAX_LATE_P99_MS,
        "overloaded": overloaded,
    }
    if not overloaded:
        report = _report(process, folder)
        stamps = array("q")
        with (folder / "stamps").open("rb") as written:
            stamps.frombytes(written.read())
        first = generated["first_due_ns"]
        taken = [taken for due, taken in zip(stamps[::2], stamps[1::2], strict=True) if due >= first]
        result["visible"] = in_milliseconds(taken)
        marks = report["marks"]
        result["events_per_cycle"] = round(report["events"] / report["cycles"], 1)
        result["cpu_us_per_event"] = _pace(marks[0], marks[-1])["cpu_us_per_event"]
    await delete_topics(bench.kafka, run_id)
    shutil.rmtree(folder)
    return result


def _process(bench: Bench, engine: Engine, folder: Path, **task: Any) -> ChildProcess:
    task = {
        **task,
        "kafka": bench.kafka,
        "partitions": PARTITIONS,
        "folder": str(folder),
        "settings": engine.settings,
    }
    return ChildProcess(
        engine.name,
        command_of(engine),
        log=folder / "engine.log",
        env={**os.environ, "BENCH_TASK": json.dumps(task), "PYTHONPATH": str(REPOSITORY)},
        cwd=REPOSITORY,
    )


async def _end_of(process: ChildProcess, budget_s: float) -> int:
    try:
        return await asyncio.to_thread(process.wait, budget_s)
    except subprocess.TimeoutExpired:
        raise RunFailedError(f"{process.name} did not end within {budget_s:.0f} s: {process.last_log_line}") from None


def _report(process: ChildProcess, folder: Path) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    except FileNotFoundError:
        raise RunFailedError(f"{process.name} ended without a report: {process.last_log_line}") from None
    return report


def _pace(first: Sequence[float], last: Sequence[float]) -> dict[str, float]:
    events = last[0] - first[0]
    return {
        "events_per_second": round(events / (last[1] - first[1])),
        "cpu_us_per_event": round((last[2] - first[2]) / events * 1e6, 2),
    }


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _cpu_of_ended_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
