"""Rates and latency of the status page are differences of what lanes count, also when lanes come and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lanes.distribution import SECONDS, Distribution
from queries.status.flow import HISTORY, Flow, quantile


@dataclass(eq=False)
class Lane:
    topic: str = "person.events"
    records_done: int = 0
    busy_seconds: float = 0.0
    backlog: int = 0


def _ticking() -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += 1.0


def _flow(lanes: list[Lane], latency: Distribution | None = None) -> Flow:
    ticks = _ticking()
    return Flow(
        lambda: lanes,
        lambda: [latency] if latency is not None else [],
        events="person.events",
        clock=lambda: next(ticks),
    )


def test_a_rate_is_what_lanes_have_done_since_the_sample_before() -> None:
    lane, other = Lane(), Lane(topic="person.commands")
    flow = _flow([lane, other])
    for _ in range(5):
        lane.records_done += 200
        other.records_done += 40
        lane.busy_seconds += 0.25
        flow.sample()

    told = flow.told()
    by_topic = {one["topic"]: one for one in told["topics"]}
    assert told["events_per_second"] == 200
    assert (by_topic["person.commands"]["per_second"], by_topic["person.events"]["busy_share"]) == (40, 0.25)
    assert told["history"]["events_per_second"] == [200] * 5


def test_a_lane_that_starts_anew_does_not_make_a_rate_negative() -> None:
    lanes = [Lane(records_done=5000)]
    flow = _flow(lanes)
    flow.sample()
    lanes[0] = Lane(records_done=10)
    flow.sample()

    assert flow.told()["history"]["events_per_second"] == [5000, 10]


def test_the_history_is_bounded_to_two_minutes() -> None:
    flow = _flow([Lane()])
    for _ in range(3 * HISTORY):
        flow.sample()

    assert len(flow.told()["history"]["events_per_second"]) == HISTORY


def test_latency_is_that_of_the_last_two_minutes_and_none_without_events() -> None:
    latency = Distribution()
    for _ in range(100):
        latency.observe(5.0)
    flow = _flow([Lane()], latency)
    flow.sample()
    for _ in range(HISTORY):
        flow.sample()
    assert flow.told()["latency"] == {"measured": 0, "p50_seconds": None, "p95_seconds": None}

    for _ in range(100):
        latency.observe(0.004)
    flow.sample()

    told = flow.told()["latency"]
    assert told["measured"] == 100
    assert 0.0025 < told["p50_seconds"] < told["p95_seconds"] <= 0.005


@pytest.mark.parametrize(
    ("values", "share", "bounds"),
    [
        ((0.0005,), 0.5, (0.0, 0.001)),
        ((0.004,) * 99 + (20.0,), 0.95, (0.0025, 0.005)),
        ((9999.0,), 0.5, (1800.0, 1800.0)),
    ],
    ids=("below the first bound", "most are fast", "above all bounds"),
)
def test_a_quantile_lies_in_the_bucket_of_its_share(
    values: tuple[float, ...], share: float, bounds: tuple[float, float]
) -> None:
    held = Distribution(SECONDS)
    for value in values:
        held.observe(value)

    found = quantile(held.counts, share)
    assert found is not None
    assert bounds[0] <= found <= bounds[1]
