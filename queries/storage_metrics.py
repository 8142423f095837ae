"""Metrics of what is kept: tables in memory and on disk, streams, and what trimming removes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bridge.trimming import Trimming
from lanes.table import LaneTable
from lanes.table_memory import TableMemory
from queries.metrics import Source
from queries.stream_census import StreamCensus


def of_storage(
    tables: Callable[[], Iterable[LaneTable]], owned: Callable[[], frozenset[int]], memory: TableMemory, folder: Path
) -> Source:
    """Rows and files of the owned partitions, the memory of all databases, and the disk under them."""

    def source() -> Iterator[Metric]:
        rows = GaugeMetricFamily("person_table_rows", "Rows of a table, as RocksDB estimates them.", labels=("table",))
        files = GaugeMetricFamily("person_table_bytes", "Bytes of the files of a table.", labels=("table",))
        partitions = owned()
        for table in tables():
            sizes = [table.size(partition) for partition in partitions]
            rows.add_metric((table.name,), sum(row for row, _ in sizes))
            files.add_metric((table.name,), sum(size for _, size in sizes))
        yield from (rows, files)
        yield GaugeMetricFamily(
            "person_table_memory_bytes", "Memory that all databases of the worker use.", value=memory.used_bytes
        )
        yield GaugeMetricFamily(
            "person_table_memory_limit_bytes", "Memory that they may use.", value=memory.total_bytes
        )
        disk = shutil.disk_usage(folder if folder.exists() else folder.parent)
        yield GaugeMetricFamily("person_disk_free_bytes", "Free bytes of the disk under the tables.", value=disk.free)
        yield GaugeMetricFamily("person_disk_size_bytes", "Size of that disk.", value=disk.total)

    return source


def of_streams(census: StreamCensus) -> Source:
    """The streams of the installation, told by the owner of partition 0 alone."""

    def source() -> Iterator[Metric]:
        messages = GaugeMetricFamily("person_stream_messages", "Messages of a stream.", labels=("stream",))
        size = GaugeMetricFamily("person_stream_bytes", "Bytes of a stream.", labels=("stream",))
        oldest = GaugeMetricFamily(
            "person_stream_oldest_seconds", "Age of the oldest message of a stream.", labels=("stream",)
        )
        now = time.time()
        for name, state in census.states().items():
            messages.add_metric((name,), state.messages)
            size.add_metric((name,), state.size)
            oldest.add_metric((name,), 0.0 if state.oldest is None else max(0.0, now - state.oldest))
        yield from (messages, size, oldest)

    return source


def of_open_letters(census: StreamCensus) -> Source:
    """The dead letters that nobody has redriven or discarded, told by the same worker."""

    def source() -> Iterator[Metric]:
        letters = GaugeMetricFamily("person_dead_letters_open", "Open dead letters.", labels=("consumer", "cause"))
        for labels, count in sorted(census.dead_letters().items()):
            letters.add_metric(labels, count)
        oldest = GaugeMetricFamily(
            "person_dead_letters_oldest_seconds", "Age of the oldest open dead letter of a route.", labels=("route",)
        )
        now = time.time()
        for route, since in sorted(census.oldest_letters().items()):
            oldest.add_metric((route,), max(0.0, now - since))
        yield from (letters, oldest)

    return source


def of_trimming(trimming: Callable[[], Trimming | None]) -> Source:
    """What the owner of partition 0 has trimmed since it began to."""

    def source() -> Iterator[Metric]:
        messages = CounterMetricFamily("person_trimmed_messages", "Processed commands removed from their stream.")
        records = CounterMetricFamily("person_trimmed_records", "Processed commands removed from their topic.")
        failing = GaugeMetricFamily("person_trimming_failing", "1 while the last round has failed.")
        running = trimming()
        if running is not None:
            messages.add_metric((), running.purged)
            records.add_metric((), running.deleted)
            failing.add_metric((), running.last_error is not None)
        yield from (messages, records, failing)

    return source
