"""Metrics of the routes of the bridge: what they have carried on this worker, whether they get on, and what they have left to carry."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bridge.backlog import Backlog
from queries.metrics import Source

COUNTERS = {
    "carried": ("person_route_carried", "Messages that a route has carried."),
    "rejected": ("person_route_rejected", "Messages that a route has put into the dead letters."),
    "looped": ("person_route_looped", "Messages that the loop guard has dropped."),
    "failures": ("person_route_failures", "Tries of a route that failed and were repeated in order."),
}


def of_routes(report: Callable[[], Sequence[Mapping[str, Any]]]) -> Source:
    """What the routes have carried, and their state."""

    def source() -> Iterator[Metric]:
        labels = ("route",)
        counters = {field: CounterMetricFamily(name, about, labels=labels) for field, (name, about) in COUNTERS.items()}
        failing = GaugeMetricFamily(
            "person_route_failing", "1 while the last try of a route has failed.", labels=labels
        )
        carrying = GaugeMetricFamily(
            "person_route_carrying", "Consumers or partitions of a route that the worker carries.", labels=labels
        )
        waiting = GaugeMetricFamily(
            "person_route_waiting", "1 while an optional route waits until its stream exists.", labels=labels
        )
        for route in report():
            values = (str(route["name"]),)
            for field, counter in counters.items():
                counter.add_metric(values, route[field])
            failing.add_metric(values, route["last_error"] is not None)
            carrying.add_metric(values, len(route["carries"]))
            waiting.add_metric(values, route.get("waits_for_stream", False))
        yield from (*counters.values(), failing, carrying, waiting)

    return source


def of_backlogs(counted: Callable[[], Mapping[str, Backlog]]) -> Source:
    """What is left of the routes, as the servers said some seconds ago."""

    def source() -> Iterator[Metric]:
        labels = ("route",)
        pending = GaugeMetricFamily(
            "person_route_pending_messages", "Messages that a route has not read yet.", labels=labels
        )
        unacknowledged = GaugeMetricFamily(
            "person_route_unacknowledged_messages",
            "Messages that a route has read and not acknowledged.",
            labels=labels,
        )
        oldest = GaugeMetricFamily(
            "person_route_oldest_seconds", "Age of the oldest message that is not carried.", labels=labels
        )
        now = time.time()
        for route, backlog in sorted(counted().items()):
            pending.add_metric((route,), backlog.pending)
            unacknowledged.add_metric((route,), backlog.unacknowledged)
            oldest.add_metric((route,), 0.0 if backlog.oldest is None else max(0.0, now - backlog.oldest))
        yield from (pending, unacknowledged, oldest)

    return source
