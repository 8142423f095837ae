"""Metrics of neighbours: what became of their events on this worker, and of the commands that these became."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from agents.foreign_counters import ForeignCounters
from queries.metrics import Source


def of_neighbours(counters: ForeignCounters) -> Source:
    """The counters since the start of the worker."""

    def source() -> Iterator[Metric]:
        events = CounterMetricFamily(
            "person_foreign_events", "Events of neighbours by what became of them.", labels=("domain", "type", "fate")
        )
        for labels, count in sorted(counters.events.items()):
            events.add_metric(labels, count)
        commands = CounterMetricFamily(
            "person_foreign_commands",
            "Outcomes of the commands that events of neighbours became.",
            labels=("domain", "command", "status", "code"),
        )
        for of_command, count in sorted(counters.commands.items()):
            commands.add_metric(of_command, count)
        yield from (events, commands)

    return source
