"""Metrics of what flows through a worker: events, commands and queries, how many of which kind and how long they took."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from agents.flow_measures import FlowMeasures
from queries.histograms import histogram
from queries.metrics import Source
from queries.query_measures import QueryMeasures


def of_flow(flow: FlowMeasures) -> Source:
    """Events that became visible and commands that were decided."""

    def source() -> Iterator[Metric]:
        events = CounterMetricFamily("person_events_applied", "Events that became visible.", labels=("type",))
        for event_type, count in sorted(flow.events.items()):
            events.add_metric((event_type,), count)
        commands = CounterMetricFamily(
            "person_commands_decided", "Commands that got their outcome.", labels=("command", "status", "code")
        )
        for labels, count in sorted(flow.commands.items()):
            commands.add_metric(labels, count)
        yield from (events, commands)
        yield histogram(
            "person_event_visible_seconds",
            "From the time an event was stored until readers see it.",
            [((), flow.visible_seconds)],
        )
        yield histogram(
            "person_command_decided_seconds",
            "From the time a command was stored until its outcome was told.",
            [((), flow.decided_seconds)],
        )

    return source


def of_queries(measures: QueryMeasures) -> Source:
    """Questions of clients that this worker has answered."""

    def source() -> Iterator[Metric]:
        answered = CounterMetricFamily(
            "person_queries_answered", "Answers to clients by code.", labels=("query", "code")
        )
        for labels, count in sorted(measures.answered.items()):
            answered.add_metric(labels, count)
        yield answered
        yield histogram(
            "person_query_seconds",
            "From the time a question arrived until its answer was sent, streams left out.",
            [((query,), seconds) for query, seconds in sorted(measures.seconds.items())],
            labels=("query",),
        )

    return source
