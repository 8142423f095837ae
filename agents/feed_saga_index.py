"""Agent feed_saga_index: which sagas a cycle on person.sagas has committed, handed to what is derived from their table on this worker."""

from __future__ import annotations

from agents.feed_index import Take
from agents.saga_reading import decoded
from lanes.agent import Batch, LaneAgent
from tables.sagas import SagasTable


class FeedSagaIndex(LaneAgent):
    """Hands over keys; runs behind the agent that folds them."""

    name = "feed_saga_index"

    def __init__(self, table: SagasTable, take: Take) -> None:
        self._table = table.table
        self._take = take

    async def process(self, batch: Batch) -> None:
        """Nothing: only what is durable is indexed."""

    async def committed(self, batch: Batch) -> None:
        """Hand the keys over."""
        changed = {self._table.name: batch.view(self._table).staged.keys()}
        self._take(batch.partition, changed, decoded(batch).last_stream_sequence)
