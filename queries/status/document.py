"""The status document of a worker: everything that `/status`, its live page and `person doctor` know of it.

Guarantee: made from memory, in about a millisecond; what another part of the worker cannot tell at the moment leaves the rest as it is."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from agents.policy_counters import PolicyCounters
from agents.rule_book import RuleBook
from bridge.backlog import Backlog
from config.version import VERSION
from lanes.clock_reading import ClockReading
from queries.lane_metrics import EndOfLog
from queries.saga_census import Counted
from queries.status import sections
from queries.status.flow import Flow
from queries.status.health import Health
from queries.status.life import WorkerLife
from queries.tables_of_worker import WorkerTables

LIBRARIES = ("aiokafka", "faust-streaming", "nats-py", "rocksdict")
"""What a worker depends on by exact version; `person doctor` compares them."""


@dataclass(frozen=True)
class StatusSources:
    """Where each part of the document comes from."""

    installation: str
    address: str
    settings: Mapping[str, Any]
    tables: WorkerTables
    lanes: Callable[[], Sequence[Any]]
    end_of_log: EndOfLog
    owners: Callable[[], Mapping[int, str]]
    recovery: Callable[[], Mapping[str, Any]]
    routes: Callable[[], Sequence[Mapping[str, Any]]]
    backlogs: Callable[[], Mapping[str, Backlog]]
    letters: Mapping[tuple[str, str], int]
    held_letters: Callable[[], Mapping[tuple[str, str], int] | None]
    census: Callable[[], Sequence[Counted]]
    clocks: Mapping[int, ClockReading]
    rules: RuleBook
    policies: PolicyCounters


class StatusDocument:
    """Makes the document when it is asked for."""

    def __init__(self, sources: StatusSources, health: Health, flow: Flow, life: WorkerLife) -> None:
        self._sources = sources
        self._health = health
        self._flow = flow
        self._life = life
        self._versions = {
            "release": VERSION,
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in LIBRARIES},
        }

    def told(self) -> dict[str, Any]:
        """The document now, of plain values. `at` is this worker's clock."""
        sources, now = self._sources, time.time()
        lanes = sources.lanes()
        recovery = sources.recovery()
        lag = sections.lag_of(sections.measured(lanes, sources.end_of_log), now)
        return {
            "at": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
            "worker": {"address": sources.address, "installation": sources.installation, **self._versions},
            "settings": sources.settings,
            "health": self._health.report(),
            "flow": self._flow.told(),
            "installation": sections.partitions(sources.tables, sources.owners(), lag, recovery["standbys"]),
            "routes": sections.routes(sources.routes(), sources.backlogs(), now),
            "sagas": sections.sagas(sources.census(), now),
            "quarantine": sections.quarantine(sources.tables, now),
            "dead_letters": sections.dead_letters(sources.letters, sources.held_letters()),
            "policies": sections.policies(sources.rules, sources.policies, time.monotonic() - sources.rules.looked_at),
            "life": self._life.told(),
            "broker_clocks": sections.broker_clocks(sources.clocks),
            "partitions": sorted(sources.tables.owned()),
            "positions": {str(p): s for p, s in sorted(sources.tables.positions.snapshot().items())},
            "lanes": [
                {
                    "topic": lane.topic,
                    "partition": lane.partition,
                    "cycles": lane.cycles,
                    "records": lane.records_done,
                    "backlog": lane.backlog,
                    "level": lane.level,
                    "busy_seconds": round(lane.busy_seconds, 6),
                }
                for lane in lanes
            ],
            **recovery,
        }
