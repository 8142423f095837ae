"""Metrics of lanes: what they have done, how long their cycles take, and how far and how long they are behind their logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lanes.cycle_measures import CycleMeasures
from queries.histograms import histogram
from queries.metrics import Source


class CountingLane(Protocol):
    """What a lane counts."""

    topic: str
    partition: int
    cycles: int
    records_done: int
    busy_seconds: float

    @property
    def backlog(self) -> int:
        """Records accepted and not yet taken by a cycle."""

    @property
    def unfinished(self) -> int:
        """Records accepted whose effects are not durable and announced yet."""

    @property
    def oldest_ms(self) -> int | None:
        """Record time of the first of them, in milliseconds since the epoch."""

    @property
    def expected_offset(self) -> int:
        """Records below this offset were accepted already."""


EndOfLog = Callable[[str, int], int | None]
"""Where the log of a topic partition ended when it was last looked at; None when that is not known."""


def of_lanes(lanes: Callable[[], Sequence[CountingLane]]) -> Source:
    """What the running lanes have done; a lane that starts anew counts from 0."""

    def source() -> Iterator[Metric]:
        labels = ("topic", "partition")
        cycles = CounterMetricFamily("person_lane_cycles", "Cycles that a lane has committed.", labels=labels)
        records = CounterMetricFamily("person_lane_records", "Records that a lane has committed.", labels=labels)
        busy = CounterMetricFamily("person_lane_busy_seconds", "Time that a lane has spent in cycles.", labels=labels)
        backlog = GaugeMetricFamily("person_lane_backlog_records", "Records that wait in a lane.", labels=labels)
        for lane in lanes():
            values = (lane.topic, str(lane.partition))
            cycles.add_metric(values, lane.cycles)
            records.add_metric(values, lane.records_done)
            busy.add_metric(values, lane.busy_seconds)
            backlog.add_metric(values, lane.backlog)
        yield from (cycles, records, busy, backlog)

    return source


def of_lag(lanes: Callable[[], Sequence[CountingLane]], end_of_log: EndOfLog) -> Source:
    """How many records of its partition a lane has not finished, and the age of the oldest of them."""

    def source() -> Iterator[Metric]:
        labels = ("topic", "partition")
        behind = GaugeMetricFamily(
            "person_lane_lag_records", "Records of a partition whose effects are not durable.", labels=labels
        )
        since = GaugeMetricFamily("person_lane_lag_seconds", "Age of the oldest of them.", labels=labels)
        now = time.time()
        for lane in lanes():
            values = (lane.topic, str(lane.partition))
            end = end_of_log(lane.topic, lane.partition) or 0
            behind.add_metric(values, lane.unfinished + max(0, end - lane.expected_offset))
            oldest = lane.oldest_ms
            since.add_metric(values, 0.0 if oldest is None else max(0.0, now - oldest / 1000))
        yield from (behind, since)

    return source


def of_cycles(measures: Mapping[str, CycleMeasures]) -> Source:
    """How long cycles take and how large they are, by topic, over all lanes that the worker has had."""

    def source() -> Iterator[Metric]:
        labels = ("topic",)
        yield histogram(
            "person_lane_cycle_seconds",
            "Time of a cycle, from its first agent to the last announcement.",
            [((topic,), one.seconds) for topic, one in measures.items()],
            labels,
        )
        yield histogram(
            "person_lane_commit_seconds",
            "Time of a group commit.",
            [((topic,), one.commit_seconds) for topic, one in measures.items()],
            labels,
        )
        yield histogram(
            "person_lane_cycle_records",
            "Records of a cycle.",
            [((topic,), one.records) for topic, one in measures.items()],
            labels,
        )
        failed = CounterMetricFamily(
            "person_lane_cycles_failed", "Cycles that failed and were repeated.", labels=labels
        )
        fenced = CounterMetricFamily(
            "person_lane_fenced", "Lanes that ended because another worker had claimed their partition.", labels=labels
        )
        for topic, one in measures.items():
            failed.add_metric((topic,), one.failed)
            fenced.add_metric((topic,), one.fenced)
        yield from (failed, fenced)

    return source
