"""Metrics of a worker in the Prometheus text format, read from memory at the time of a scrape: lanes pay nothing for them.

A part of the worker adds a source: a function that yields metric families from what that part counts anyway."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from queries.tables_of_worker import WorkerTables

CONTENT_TYPE = CONTENT_TYPE_LATEST

Source = Callable[[], Iterable[Metric]]
"""Yields metric families; each has its name and help text also while it has no sample."""


class FollowingIndex(Protocol):
    """What the indexes of a worker tell of themselves."""

    def backlog(self) -> Mapping[int, int]:
        """Rows per partition that are committed and not indexed yet."""

    def position(self, partition: int) -> dict[str, int]:
        """The indexed position of a partition."""

    def building(self) -> int:
        """Partitions whose index is being built."""


class WorkerMetrics:
    """The metrics of one worker."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)

    def add(self, source: Source) -> None:
        """Let a source be asked at every scrape."""
        self._registry.register(_Asked(source))

    def text(self) -> bytes:
        """All metrics now, as CONTENT_TYPE says."""
        return generate_latest(self._registry)


class _Asked(Collector):
    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        return self._source()


def of_tables(tables: WorkerTables) -> Source:
    """How far events are applied, and who is parked."""

    def source() -> Iterator[Metric]:
        owned = tables.owned()
        yield GaugeMetricFamily(
            "person_partitions", "Partitions of the installation, as the worker is set.", value=tables.partitions
        )
        partitions = GaugeMetricFamily("person_owned_partitions", "Partitions that the worker owns.", value=len(owned))
        applied = GaugeMetricFamily(
            "person_applied_stream_sequence", "Stream sequence that a partition has applied.", labels=("partition",)
        )
        for partition in sorted(owned):
            applied.add_metric((str(partition),), tables.positions.applied(partition))
        parked = GaugeMetricFamily(
            "person_quarantined_persons", "Persons whose events wait for an agent.", labels=("agent",)
        )
        for agent, persons in sorted(tables.quarantine.parked_persons(owned).items()):
            parked.add_metric((agent,), persons)
        oldest = GaugeMetricFamily(
            "person_quarantine_oldest_seconds",
            "How long the person waits that was parked first of all that wait.",
            labels=("agent",),
        )
        now = time.time()
        for agent, since in sorted(tables.quarantine.oldest_since(owned).items()):
            oldest.add_metric((agent,), max(0.0, now - since))
        yield from (partitions, applied, parked, oldest)

    return source


def of_subscriptions(served: Callable[[], int]) -> Source:
    """Live subscriptions that this worker serves."""

    def source() -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "person_live_subscriptions", "Live subscriptions that the worker serves.", value=served()
        )

    return source


def of_index(index: FollowingIndex) -> Source:
    """How far the indexes follow the tables."""

    def source() -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "person_index_rows_waiting", "Rows that are committed and not indexed yet.", labels=("partition",)
        )
        applied = GaugeMetricFamily(
            "person_index_stream_sequence", "Stream sequence that a partition has indexed.", labels=("partition",)
        )
        for partition, rows in index.backlog().items():
            waiting.add_metric((str(partition),), rows)
            applied.add_metric((str(partition),), index.position(partition)["stream_sequence"])
        building = GaugeMetricFamily(
            "person_index_building", "Partitions whose index is being built.", value=index.building()
        )
        yield from (waiting, applied, building)

    return source


def of_dead_letters(stored: Mapping[tuple[str, str], int]) -> Source:
    """Dead letters that this worker has stored."""

    def source() -> Iterator[Metric]:
        letters = CounterMetricFamily(
            "person_dead_letters_stored", "Dead letters stored.", labels=("consumer", "cause")
        )
        for labels, count in sorted(stored.items()):
            letters.add_metric(labels, count)
        yield letters

    return source


def of_recovery(status: Callable[[], Mapping[str, Any]]) -> Source:
    """How far tables are from the end of their changelogs."""

    def source() -> Iterator[Metric]:
        now = status()
        recovery = now["recovery"]
        yield GaugeMetricFamily("person_recovery_running", "1 while tables recover.", value=recovery["running"])
        yield GaugeMetricFamily(
            "person_recovery_rows_to_go", "Changelog offsets left to recover.", value=recovery["rows_to_go"]
        )
        standby = GaugeMetricFamily(
            "person_standby_rows_to_go",
            "Changelog offsets that a standby replica is behind.",
            labels=("table", "partition"),
        )
        for replica in now["standbys"]:
            standby.add_metric((replica["table"], str(replica["partition"])), replica["rows_to_go"])
        yield standby

    return source
