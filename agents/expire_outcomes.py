"""Agent expire_outcomes: removes rows of table `outcomes` that are older than their stated life (domain.md 16.9).

Guarantee: an outcome stays for that long after its decision. It is removed while further commands of its partition are decided, in the
group commit of their cycle; a partition without commands keeps its outcomes."""

from __future__ import annotations

import time
from itertools import islice

from lanes.agent import Batch, LaneAgent
from tables import outcomes
from tables.outcomes import OutcomesTable

ROWS_PER_COMMAND = 2
"""Rows that are looked at for each command: more than a command adds, so that the table stops growing."""


class ExpireOutcomes(LaneAgent):
    """Walks through the table in key order, a few rows per cycle, and begins again behind the last row."""

    name = "expire_outcomes"

    def __init__(self, table: OutcomesTable, *, keep_s: float) -> None:
        self.tables = (table.table,)
        self._table = table
        self._keep_ms = int(keep_s * 1000)
        self._next: dict[int, bytes] = {}

    async def process(self, batch: Batch) -> None:
        """Stage the removal of what is too old among the next rows."""
        view = batch.view(self._table.table)
        too_old_ms = int(time.time() * 1000) - self._keep_ms
        count = ROWS_PER_COMMAND * len(batch.records)
        found = list(islice(self._table.rows(batch.partition, self._next.pop(batch.partition, b"")), count + 1))
        if len(found) > count:
            self._next[batch.partition], _ = found.pop()
        for key, decided_ms in found:
            if decided_ms < too_old_ms and key not in view.staged:
                outcomes.remove(view, key)

    def forget(self, partition: int) -> None:
        """Begin at the first row again."""
        self._next.pop(partition, None)
