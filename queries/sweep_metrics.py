"""Metrics of the sweep for inactive persons: how often this worker has swept a partition, and whom it has reported."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from agents.sweep_inactivity import SweepInactivity
from queries.metrics import Source


def of_sweeps(sweep: SweepInactivity) -> Source:
    """Counters since the start of the worker."""

    def source() -> Iterator[Metric]:
        yield CounterMetricFamily(
            "person_inactivity_sweeps", "Sweeps of a partition for inactive persons that are done.", sweep.swept
        )
        yield CounterMetricFamily(
            "person_inactivity_reports", "Persons that sweeps have reported, repetitions counted.", sweep.reported
        )

    return source
