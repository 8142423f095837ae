"""What the measurements must show, as ratios to peers of the same run and as absolute bounds, checked on a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Report = dict[str, Any]


@dataclass(frozen=True)
class Checked:
    """One target: `measured` is None when the report lacks what it needs."""

    target: str
    bound: str
    measured: float | None
    met: bool | None


def check(report: Report) -> list[Checked]:
    """All targets, in the order of the documentation."""
    return [*_catching_up(report), *_open_loop(report), *_read_models(report), *_bridge(report), *_commands(report)]


def _catching_up(report: Report) -> Iterator[Checked]:
    ours = _pace(report, "lanes")
    for peer, part, bound in (
        ("faust", "events_per_second", 25.0),
        ("quix", "events_per_second", 1.2),
        ("quix_10ms", "events_per_second", 3.0),
        ("streams_logged", "first_100k", 1.5),
        ("streams_logged", "second_half", 1.0),
        ("aiokafka", "events_per_second", 0.6),
    ):
        label = {"first_100k": " cold", "second_half": " warm"}.get(part, "")
        yield _at_least(f"one table, catching up: times {peer}{label}", _ratio(ours, _pace(report, peer, part)), bound)


def _open_loop(report: Report) -> Iterator[Checked]:
    ours = _p95(report, "lanes", 1000)
    plain = _p95(report, "aiokafka", 1000)
    yield _at_most("one table, p95 at 1,000 ev/s: times aiokafka", _ratio(ours, plain), 2.0)
    others = [
        found
        for name in report.get("open_loop", {})
        if name not in ("lanes", "lanes7", "aiokafka", "aiokafka_512") and not name.startswith("sqlite")
        if (found := _p95(report, name, 1000)) is not None
    ]
    best = min(others, default=None)
    yield _at_most("one table, p95 at 1,000 ev/s: times the best other peer with a changelog", _ratio(ours, best), 1.0)
    yield _at_most("one table, p95 at 3,000 ev/s, ms", _p95(report, "lanes", 3000), 10.0)


def _read_models(report: Report) -> Iterator[Checked]:
    job = report.get("main_job", {})
    yield _at_least(
        "all read models, catching up, ev/s", _get(job, "kafka_to_tables", "events_per_second", "median"), 15_000
    )
    at: Report = next((run for run in job.get("open_loop", []) if run["rate"] == 1000), {})
    yield _at_most(
        "all read models, PubAck to visible at 1,000 ev/s: p95, ms", _get(at, "append_to_visible", "p95"), 10
    )
    yield _at_most(
        "all read models, PubAck to visible at 1,000 ev/s: p99, ms", _get(at, "append_to_visible", "p99"), 25
    )


def _bridge(report: Report) -> Iterator[Checked]:
    def median(engine: str, *path: str) -> float | None:
        return _get(report, "bridge", engine, *path, "median")

    ours = median("ours", "ingress", "messages_per_second")
    peers = [
        found
        for kind in ("nats_kafka_default", "nats_kafka_tuned")
        if (found := median(kind, "ingress", "messages_per_second")) is not None
    ]
    yield _at_least("ingress, messages/s", ours, 40_000)
    yield _at_least("ingress: times the better nats-kafka", _ratio(ours, max(peers, default=None)), 3)
    yield _at_most("ingress hop at 1,000/s: p95, ms", median("ours", "ingress_hop", "p95"), 3)
    yield _at_least("egress exactly once, messages/s", median("ours", "egress", "messages_per_second"), 15_000)


def _commands(report: Report) -> Iterator[Checked]:
    commands = report.get("commands", {})
    yield _at_least(
        "commands accepted and applied per second", _get(commands, "concurrent", "accepted_per_second", "median"), 3_000
    )
    yield _at_most("request to outcome at 300/s: p95, ms", _get(commands, "open_loop", "outcome", "p95"), 15)


def _pace(report: Report, engine: str, part: str = "events_per_second") -> float | None:
    path = (part,) if part == "events_per_second" else (part, "events_per_second")
    return _get(report, "catch_up", "5000", engine, *path, "median")


def _p95(report: Report, engine: str, rate: int) -> float | None:
    return _get(report, "open_loop", engine, str(rate), "visible", "p95")


def _get(found: Any, *path: str) -> float | None:
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return float(found)


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or not theirs else round(ours / theirs, 2)


def _at_least(target: str, measured: float | None, bound: float) -> Checked:
    return _checked(target, f"at least {bound:g}", measured, lambda found: found >= bound)


def _at_most(target: str, measured: float | None, bound: float) -> Checked:
    return _checked(target, f"at most {bound:g}", measured, lambda found: found <= bound)


def _checked(target: str, bound: str, measured: float | None, holds: Callable[[float], bool]) -> Checked:
    return Checked(target, bound, measured, None if measured is None else holds(measured))
