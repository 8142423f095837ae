"""`python -m benchmarks.report`: writes the tables of docs/explanation/performance.md, and its picture, from build/bench.json."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engines.catalogue import ENGINES, Engine
from benchmarks.nats_kafka_peer import CONFIGURATIONS

PAGE = Path("docs/explanation/performance.md")
PICTURE = PAGE.with_name("latency.svg")
Report = dict[str, Any]


def write(report: Report, page: str) -> str:
    """The page with each section between its markers made again from the report."""
    for name, section in SECTIONS.items():
        begin, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"{PAGE} needs the markers {begin} and {end} once each")
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{section(report)}\n{end}{rest.partition(end)[2]}"
    return page


def machine(report: Report) -> str:
    """What it ran on."""
    facts = report["machine"]
    versions = ", ".join(f"{name} {facts[name]}" for name in facts if "-" in name or name in PLAIN)
    before, after = (" / ".join(f"{one:.1f}" for one in report[when]) for when in ("load_before", "load_after"))
    skipped = "".join(f"\nLeft out: {name} ({reason})." for name, reason in report["skipped"].items())
    return (
        f"Measured on {facts['measured_at']}: {facts['processor']}, {facts['cores']} cores, memory {facts['memory']}, "
        f"Python {facts['python']}, Kafka {facts['kafka']}, {versions}. Load before {before}, after {after}.{skipped}"
    )


PLAIN = ("aiokafka", "rocksdict", "orjson", "uvloop")


def targets(report: Report) -> str:
    """Each target with what was measured."""
    rows = [
        (
            one["target"],
            one["bound"],
            "not measured" if one["measured"] is None else f"{one['measured']:g}",
            _verdict(one),
        )
        for one in report["targets"]
    ]
    return _table(("Target", "Bound", "Measured", ""), rows)


def catch_up(report: Report) -> str:
    """Events per second and processor time, for few and many keys."""
    parts = []
    for keys, engines in report.get("catch_up", {}).items():
        rows = []
        for engine in _in_order(engines):
            one = engines[engine.name]
            rows.append(
                (
                    engine.label,
                    _spread(one["events_per_second"]),
                    _number(one["cpu_us_per_event"]["median"]),
                    _number(one["second_half"]["events_per_second"]["median"]),
                    _number(one["events"]["median"]),
                    engine.when_done,
                )
            )
        head = ("Engine", "events/s, median (range)", "µs CPU/event", "second half, events/s", "events", "counted when")
        parts.append(f"{int(keys):,} keys:\n\n{_table(head, rows)}")
    return "\n\n".join(parts) or "Not measured."


def open_loop(report: Report) -> str:
    """Latency of each engine at each fixed rate."""
    found = report.get("open_loop", {})
    rates = sorted({int(rate) for by_rate in found.values() for rate in by_rate})
    rows = []
    for engine in _in_order(found):
        cells = [_latency(found[engine.name].get(str(rate))) for rate in rates]
        rows.append((engine.label, *cells))
    return _table(("Engine", *(f"{rate:,} events/s" for rate in rates)), rows) if rows else "Not measured."


def curves(report: Report) -> str:
    """Latency of the lanes at shares of their maximum."""
    rows = []
    labels = {engine.name: engine.label for engine in ENGINES}
    for name, one in report.get("curves", {}).items():
        rows += [
            (
                labels[name],
                f"{run['rate']:,} ({run['rate'] / one['maximum']:.0%})",
                _latency(run),
                _number(run["kafka_append"]["p95"]),
            )
            for run in one["runs"]
        ]
    head = (
        "Engine",
        "events/s (of the maximum)",
        "p50 / p95 / p99 / p99.9 ms",
        "of it the generator's append to Kafka, p95",
    )
    return _table(head, rows) if rows else "Not measured."


def main_job(report: Report) -> str:
    """Catching up, and latency with its hops."""
    job = report.get("main_job")
    if not job:
        return "Not measured."
    whole, again = job["jetstream_to_tables"], job["kafka_to_tables"]
    told = [
        f"Catching up from JetStream over Kafka: {whole['events_per_second']:,} events/s, {whole['cpu_us_per_event']} µs of CPU an event.",
        f"Catching up from Kafka: {_spread(again['events_per_second'])} events/s, {_number(again['cpu_us_per_event']['median'])} µs.",
        f"Appends that JetStream acknowledges after a sync, many at once: {job['append_maximum']:,} a second.",
    ]
    rows = [
        (
            f"{run['rate']:,}",
            _hop(run["append"]),
            _hop(run["append_to_kafka"]),
            _hop(run["kafka_to_visible"]),
            _hop(run["append_to_visible"]),
            _latency(run),
            _hop(run["read"]),
            _number(run["cpu_us_per_event"]),
        )
        for run in job["open_loop"]
    ]
    head = (
        "events/s",
        "due to PubAck",
        "PubAck to Kafka",
        "Kafka to visible",
        "PubAck to visible",
        "due to visible, p50 / p95 / p99 / p99.9",
        "due to a reader's answer",
        "µs CPU/event",
    )
    return "\n".join(told) + "\n\n" + _table(head, rows)


def commands(report: Report) -> str:
    """Request to outcome, and commands per second."""
    found = report.get("commands")
    if not found:
        return "Not measured."
    at_rate, at_once = found["open_loop"], found["concurrent"]
    rows = [
        (f"open loop, {at_rate['rate']:g}/s: acknowledged", _hop(at_rate["acknowledged"])),
        (f"open loop, {at_rate['rate']:g}/s: outcome", _hop(at_rate["outcome"])),
        (
            f"{_number(at_once['at_once']['median'])} at once: accepted and applied per second",
            _spread(at_once["accepted_per_second"]),
        ),
    ]
    return _table(("", "p50 / p95 / p99 ms, or per second"), rows)


def bridge(report: Report) -> str:
    """Our bridge and nats-kafka."""
    found = report.get("bridge", {})
    labels = {
        "ours": "this system",
        **{f"nats_kafka_{kind}": f"nats-kafka, {text}" for kind, text in CONFIGURATIONS.items()},
    }
    rows = []
    for name, one in found.items():
        for direction in ("ingress", "egress"):
            if direction in one:
                hop = one[f"{direction}_hop"]
                rows.append(
                    (
                        labels[name],
                        direction,
                        _spread(one[direction]["messages_per_second"]),
                        _number(one[direction]["cpu_us_per_message"]["median"]),
                        f"{_number(hop['p50']['median'])} / {_spread(hop['p95'])}",
                    )
                )
    head = ("Bridge", "", "messages/s, median (range)", "µs CPU/message", "hop p50 / p95 (range) ms")
    return _table(head, rows) if rows else "Not measured."


def engines(_: Report) -> str:
    """The settings of every engine, as they run."""
    rows = [(engine.label, f"`{engine.module}`", f"`{json.dumps(engine.settings)}`") for engine in ENGINES]
    return _table(("Engine", "Program", "Settings"), rows)


SECTIONS: dict[str, Callable[[Report], str]] = {
    function.__name__: function
    for function in (machine, targets, catch_up, open_loop, curves, main_job, commands, bridge, engines)
}


def main() -> int:
    """Write page and picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--report", type=Path, default=Path("build/bench.json"))
    options = parser.parse_args()
    report = json.loads(options.report.read_text())
    PAGE.write_text(write(report, PAGE.read_text()))
    shutil.copyfile(options.report.with_suffix(".svg"), PICTURE)
    print(f"written to {PAGE} and {PICTURE}")
    return 0


def _in_order(found: Iterable[str]) -> list[Engine]:
    names = set(found)
    return [engine for engine in ENGINES if engine.name in names]


def _latency(run: dict[str, Any] | None) -> str:
    if run is None:
        return ""
    if run["overloaded"]:
        return "overloaded"
    told = " / ".join(_number(run["visible"][name]) for name in ("p50", "p95", "p99", "p99.9"))
    return told if run["valid"] else f"void: {told}"


def _hop(found: dict[str, float]) -> str:
    return " / ".join(_number(found[name]) for name in ("p50", "p95", "p99")) if found["samples"] else ""


def _spread(found: dict[str, float]) -> str:
    median, low, high = (_number(found[name]) for name in ("median", "min", "max"))
    return median if low == high else f"{median} ({low} to {high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _verdict(one: dict[str, Any]) -> str:
    return {True: "met", False: "**missed**", None: ""}[one["met"]]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
