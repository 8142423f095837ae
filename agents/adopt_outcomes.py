"""Agent adopt_outcomes: rows of another generation's table `outcomes` to the same rows of this one.

Guarantee: a command that the other generation has decided is answered alike by this one; a row that is here already stays."""

from __future__ import annotations

from typing import Final

from lanes.agent import Batch, LaneAgent
from lanes.record import Record
from tables.outcomes import OutcomesTable

ADOPTED: Final = "person-outcome"
"""Header of a record on the topic of commands whose value is a row of `outcomes` and whose key is that row's."""


def is_adopted(record: Record) -> bool:
    """Whether a record is an outcome of another generation and no command."""
    return ADOPTED in record.headers


class AdoptOutcomes(LaneAgent):
    """Runs before the agents that decide."""

    name = "adopt_outcomes"

    def __init__(self, table: OutcomesTable) -> None:
        self.tables = (table.table,)
        self._table = table.table

    async def process(self, batch: Batch) -> None:
        """Stage the rows of the cycle."""
        view = None
        for record in batch.records:
            if is_adopted(record):
                view = view or batch.view(self._table)
                if view.get(record.key) is None:
                    view.put(record.key, record.value)
