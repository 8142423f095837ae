"""Metrics of the process itself: its build, memory and files, how late its event loop is, its connection, and what disturbed its partitions."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from nats.aio.client import Client
from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bridge.ending import end
from config.version import VERSION
from lanes.clock_reading import ClockReading
from lanes.distribution import Distribution
from queries.histograms import histogram
from queries.metrics import Source

LOOK_EVERY_S = 0.25


class Disturbances(NamedTuple):
    """What has interrupted a worker and its partitions."""

    rebalances: int
    recoveries: int
    recovering_seconds: float
    starts: int
    """Of all time, on the data folder of the worker."""
    killed_in_last_hour: int
    """Runs of the last hour that ended without being asked to."""


class LoopLag:
    """Looks four times a second how much later than due the event loop of the worker comes back."""

    def __init__(self) -> None:
        self.seconds = Distribution()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="loop lag")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            await end(self._task)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK_EVERY_S
            await asyncio.sleep(LOOK_EVERY_S)
            self.seconds.observe(max(0.0, loop.time() - due))


def of_process(lag: LoopLag) -> Source:
    """Build, start time, processor time, memory, files and the event loop, under the names that Prometheus gives them for any process."""
    collector = ProcessCollector(registry=None)

    def source() -> Iterator[Metric]:
        build = GaugeMetricFamily("person_build_info", "1; what runs, in labels.", labels=("version", "python"))
        build.add_metric((VERSION, platform.python_version()), 1)
        yield build
        yield histogram("person_loop_lag_seconds", "How late the event loop comes back.", [((), lag.seconds)])
        yield from collector.collect()

    return source


def of_connection(nc: Client) -> Source:
    """The connection to NATS."""

    def source() -> Iterator[Metric]:
        yield GaugeMetricFamily("person_nats_connected", "1 while connected to NATS.", value=nc.is_connected)
        yield CounterMetricFamily(
            "person_nats_reconnects", "Connections to NATS after the first.", value=nc.stats["reconnects"]
        )

    return source


def of_clocks(readings: Callable[[], Mapping[int, ClockReading]]) -> Source:
    """How far the clocks of brokers are surely ahead of the worker's, as their last acknowledgements said."""

    def source() -> Iterator[Metric]:
        ahead = GaugeMetricFamily(
            "person_clock_ahead_seconds",
            "Seconds that the clock of a broker is surely ahead of the worker's, below 0 when it is behind.",
            labels=("broker",),
        )
        for broker, reading in sorted(readings().items()):
            ahead.add_metric((str(broker),), reading.ahead)
        yield ahead

    return source


def of_disturbances(disturbances: Callable[[], Disturbances]) -> Source:
    """Rebalances of the group, recoveries of tables and starts of the worker."""

    def source() -> Iterator[Metric]:
        now = disturbances()
        yield CounterMetricFamily("person_rebalances", "Rebalances of the group.", value=now.rebalances)
        yield CounterMetricFamily("person_recoveries", "Recoveries of tables that have ended.", value=now.recoveries)
        yield CounterMetricFamily(
            "person_recovery_seconds", "Time that recoveries have taken.", value=now.recovering_seconds
        )
        yield CounterMetricFamily("person_worker_starts", "Starts on this data folder.", value=now.starts)
        yield GaugeMetricFamily(
            "person_worker_killed",
            "Runs of the last hour that ended without being asked to.",
            value=now.killed_in_last_hour,
        )

    return source
