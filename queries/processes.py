"""What queries read of sagas and rules on this worker: the table of sagas and its index, their history, and the rule book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.rule_book import RuleBook
from agents.saga_reading import SagaHistory
from config.streams import SAGAS as SAGAS_STREAM
from queries.index.feed import IndexFeed
from queries.index.sagas import SAGAS
from queries.index.source import Source
from tables.position import AppliedPositions
from tables.sagas import SagasTable

SAGA_SOURCES: Mapping[str, Source] = {SAGAS.name: SAGAS}


@dataclass(frozen=True)
class Processes:
    """Positions of sagas are those of PERSON_SAGAS, a stream of their own."""

    sagas: SagasTable
    positions: AppliedPositions
    index: IndexFeed
    history: SagaHistory
    rules: RuleBook

    def load_position(self, partition: int) -> None:
        """Learn from the recovered table how far the sagas of a partition are folded."""
        self.positions.advance(partition, self.sagas.position(partition))

    def position(self, partition: int) -> dict[str, Any]:
        """The folded position of a partition as it stands in replies."""
        return of_sagas({"partition": partition, "stream_sequence": self.positions.applied(partition)})


def of_sagas(position: dict[str, int]) -> dict[str, Any]:
    """A position, with the stream that it is one of."""
    return {**position, "stream": SAGAS_STREAM}
