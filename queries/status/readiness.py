"""What must hold for a worker to be ready, each with the reason while it does not.

Guarantee: nothing is asked of anybody; every check looks at memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client

from queries.service import QueryService
from queries.status.health import Why, missing, recovering
from queries.tables_of_worker import WorkerTables


@dataclass(frozen=True)
class Readiness:
    """The parts of a worker that its readiness depends on. `agents` are the names that must be registered with Faust."""

    nc: Client
    tables: WorkerTables
    queries: QueryService
    recovery: Callable[[], dict[str, Any]]
    """The status of recovery, with the part `recovery`."""
    recovered: Callable[[], bool]
    rebalancing: Callable[[], bool]
    stopping: Callable[[], bool]
    agents: frozenset[str]
    registered: Callable[[], frozenset[str]]

    def checks(self) -> dict[str, Why]:
        """The checks by name, in the order in which a starting worker passes them."""
        return {
            "nats": self._nats,
            "registry": self._registry,
            "rules": self._rules,
            "recovered": self._recovered,
            "assigned": self._assigned,
            "serving": lambda: "the worker stops" if self.stopping() else None,
        }

    def _nats(self) -> str | None:
        if self.nc.is_connected:
            return None
        return (
            "the connection to NATS is down; it is tried again for ever" if self.nc.is_reconnecting else "not connected"
        )

    def _registry(self) -> str | None:
        if (lacking := missing("agents", sorted(self.agents - self.registered()))) is not None:
            return lacking
        if not self.queries.is_offered:
            return "the queries are not offered yet"
        unanswered = self.tables.owned() - self.queries.partitions
        return f"it does not answer yet for partitions {sorted(unanswered)}" if unanswered else None

    def _rules(self) -> str | None:
        processes = self.tables.processes
        return None if processes is None or processes.rules.is_read else "the policies in force are not read yet"

    def _recovered(self) -> str | None:
        if self.rebalancing():
            return "a rebalance runs"
        return None if self.recovered() else recovering(self.recovery()["recovery"])

    def _assigned(self) -> str | None:
        if self.tables.owned():
            return None
        return "it owns no partition: none is assigned yet, or there are more workers than partitions"
