"""Agent feed_index: which rows a cycle on person.events has committed, handed to what is derived from the tables on this worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from agents.fold_persons import folded_persons
from agents.reading import Arrival, decoded
from domain.views.changed_by import changes
from domain.views.links import LINKS_CHANGED_BY
from lanes.agent import Batch, LaneAgent
from lanes.table import LaneTable

Take = Callable[[int, Mapping[str, Iterable[bytes]], int], None]
"""Gets a partition, the keys of the committed rows by table, and the stream sequence up to which the tables are applied now."""


class FeedIndex(LaneAgent):
    """Hands over keys and nothing else: a lane does not wait for whatever is derived from its rows."""

    name = "feed_index"

    def __init__(self, indexed: Sequence[LaneTable], linked: LaneTable, take: Take) -> None:
        """`linked` holds states: of its rows, only those whose links may have changed are handed over."""
        self._indexed = indexed
        self._linked = linked
        self._take = take

    async def process(self, batch: Batch) -> None:
        """Nothing: only what is durable is indexed."""

    async def committed(self, batch: Batch) -> None:
        """Hand the keys over."""
        changed: dict[str, Iterable[bytes]] = {table.name: batch.view(table).staged.keys() for table in self._indexed}
        changed[self._linked.name] = list(_with_other_links(batch))
        self._take(batch.partition, changed, decoded(batch).last_stream_sequence)


def _with_other_links(batch: Batch) -> Iterator[bytes]:
    for person_id, folded in folded_persons(batch).items():
        if any(_may_change_links(step.arrival) for step in folded.steps):
            yield person_id.encode()


def _may_change_links(arrival: Arrival) -> bool:
    # What was discarded may have been anything, also to those who applied it.
    return arrival.event is None or arrival.discarded is not None or changes(LINKS_CHANGED_BY, arrival.event.data)
