"""Agent feed_index: which rows a cycle on person.events has committed, handed to what is derived from the tables on this worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from agents.reading import decoded
from lanes.agent import Batch, LaneAgent
from lanes.table import LaneTable

Take = Callable[[int, Mapping[str, Iterable[bytes]], int], None]
"""Gets a partition, the keys of the committed rows by table, and the stream sequence up to which the tables are applied now."""


class FeedIndex(LaneAgent):
    """Hands over keys and nothing else: a lane does not wait for whatever is derived from its rows."""

    name = "feed_index"

    def __init__(self, indexed: Sequence[LaneTable], take: Take) -> None:
        self._indexed = indexed
        self._take = take

    async def process(self, batch: Batch) -> None:
        """Nothing: only what is durable is indexed."""

    async def committed(self, batch: Batch) -> None:
        """Hand the keys over."""
        changed = {table.name: batch.view(table).staged.keys() for table in self._indexed}
        self._take(batch.partition, changed, decoded(batch).last_stream_sequence)
