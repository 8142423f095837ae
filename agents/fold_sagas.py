"""Agent fold_sagas: person.sagas to table `sagas`.

Guarantee: every event of a saga is folded once, in order; one that cannot be read is a dead letter and stops nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agents.reading import dead_letter
from agents.saga_log import SagaLog
from agents.saga_reading import NOTHING, KnownSaga, SagaArrival, decoded, folded
from bridge.dead_letters import DeadLetters
from domain.sagas.state import Saga
from lanes.agent import Batch, LaneAgent
from tables import sagas
from tables.sagas import RECENT_EVENTS, SagaRow, SagasTable, recent_event


class FoldedSaga(NamedTuple):
    """A saga that a cycle touched, as it is now, and all its events of the cycle, those that came again among them."""

    saga: Saga
    stream_sequence: int
    arrivals: Sequence[SagaArrival]


class FoldSagas(LaneAgent):
    """Folds saga events into the state of each saga."""

    name = "fold_sagas"

    def __init__(self, table: SagasTable, log: SagaLog, letters: DeadLetters) -> None:
        self.tables = (table.table,)
        self._table = table
        self._log = log
        self._letters = letters
        self._position: dict[int, int] = {}

    async def process(self, batch: Batch) -> None:
        """Fold each saga's events, and stage how far the partition is folded."""
        view = batch.view(self._table.table)
        events = decoded(batch)
        for record, error in events.unread:
            await dead_letter(self._letters, self.name, record, error.cause, error.reason)
        touched = folded_sagas(batch)
        for saga_id, arrivals in events.by_saga.items():
            row = sagas.find(view, saga_id)
            known = NOTHING if row is None else KnownSaga(row.saga, row.stream_sequence)
            recent = () if row is None else row.recent
            for arrival in arrivals:
                if arrival.stream_sequence > known.stream_sequence and arrival.event is not None:
                    recent = (*recent[1 - RECENT_EVENTS :], recent_event(arrival.event))
                known = folded(known, arrival)
            if known.saga is None:
                continue
            if row is None or known.stream_sequence > row.stream_sequence:
                sagas.stage(view, SagaRow(known.saga, known.stream_sequence, recent))
            touched[saga_id] = FoldedSaga(known.saga, known.stream_sequence, arrivals)
        if events.last_stream_sequence > self._folded_up_to(batch.partition):
            # Behind all rows: a table that holds its position holds every row up to it.
            sagas.stage_position(view, events.last_stream_sequence)

    async def committed(self, batch: Batch) -> None:
        """Let reactions go on that wait for the fold."""
        last = max(self._folded_up_to(batch.partition), decoded(batch).last_stream_sequence)
        self._position[batch.partition] = last
        durable = [KnownSaga(one.saga, one.stream_sequence) for one in folded_sagas(batch).values()]
        self._log.folded(batch.partition, last, durable)

    def forget(self, partition: int) -> None:
        """Read the position again, and let the log of sagas wait for the fold."""
        self._position.pop(partition, None)
        self._log.forget(partition)

    def _folded_up_to(self, partition: int) -> int:
        known = self._position.get(partition)
        if known is None:
            known = self._position[partition] = self._table.position(partition)
        return known


def folded_sagas(batch: Batch) -> dict[str, FoldedSaga]:
    """Sagas that fold_sagas touched in this cycle."""
    return batch.once("folded sagas", dict)
