"""Makes wrong rows right: the owner of a partition writes them again from JetStream, in a cycle of its lane between others.

Guarantee: the lane writes, so changelog, table, index and live changes get the rows as they get any; what is written holds exactly the events
that the partition has applied; a healing that fails or is cut off has changed nothing and can be asked for again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from agents.containment import is_transient
from agents.fold_persons import FoldPersons
from agents.reading import Arrival, EventLog
from agents.redrive import Repeat
from agents.remaking import Staged, remade
from agents.saga_reading import NOTHING, SagaHistory, folded
from lanes.agent import Batch, LaneAgent
from lanes.table import LaneTable, TableView
from tables import sagas, statistics
from tables.position import AppliedPositions
from tables.quarantine import QuarantineTable
from tables.sagas import RECENT_EVENTS, RecentEvent, SagaRow, SagasTable, recent_event

AGENTS_OF_ROWS = (
    FoldPersons.name,
    "project_summary",
    "project_search",
    "project_skills",
    "project_network",
    "project_views",
    "project_timeline",
)
"""Agents whose rows of a person are made again."""


class NotHealedError(Exception):
    """Nothing was written; the message says why, `again` whether asking again may help."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class Healed(NamedTuple):
    """How many rows were written, and how many of them were other ones before."""

    rows: int
    changed: int


class DayCorrection(NamedTuple):
    """What is to be added to the counts of a day in a partition, by column and name."""

    day: str
    add: Mapping[str, Mapping[str, int]]


class PersonRows(NamedTuple):
    """All rows of a person. `suspected` are keys of the timeline that a changelog has."""

    person_id: str
    suspected: Sequence[str] = ()


class SagaRows(NamedTuple):
    """The rows of a saga."""

    saga_id: str


Subject = PersonRows | SagaRows | DayCorrection


class _Healing:
    """What a cycle is to heal, and what became of it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.done: Healed | None = None
        self.error: Exception | None = None


class HealRows(LaneAgent):
    """Writes the rows that are asked for; a cycle that is for nobody costs one look."""

    name = "heal_rows"

    def __init__(
        self,
        tables: Iterable[LaneTable],
        quarantine: QuarantineTable,
        log: EventLog,
        positions: AppliedPositions,
        *,
        max_row_bytes: int,
        on_healed: Callable[[int, Mapping[str, Iterable[bytes]]], None],
    ) -> None:
        """`on_healed` is told a partition and the keys of the written rows by table: what remembers rows must forget them."""
        self.tables = tuple(tables)
        self._by_name = {table.name: table for table in self.tables}
        self._quarantine = quarantine
        self._log = log
        self._positions = positions
        self._max_row_bytes = max_row_bytes
        self._on_healed = on_healed

    async def process(self, batch: Batch) -> None:
        """Stage right rows; whatever stands against it is told to who asked, and stages nothing."""
        healing = _healing_of(batch)
        if healing is None:
            return
        try:
            staged = await self._staged(batch.partition, healing.subject)
        except Exception as error:
            if is_transient(error):
                raise
            healing.error = error
            return
        healing.done = _stage(batch, self._by_name, staged)

    async def committed(self, batch: Batch) -> None:
        """Let what remembers rows forget them."""
        healing = _healing_of(batch)
        if healing is not None and healing.done is not None:
            self._on_healed(batch.partition, {name: batch.view(table).staged for name, table in self._by_name.items()})

    async def _staged(self, partition: int, subject: Subject) -> Staged:
        if isinstance(subject, DayCorrection):
            view = TableView(self._by_name[statistics.NAME], partition)
            _correct(view, subject)
            return {statistics.NAME: dict(view.staged)}
        tables = {name: table for name, table in self._by_name.items() if name != statistics.NAME}
        assert isinstance(subject, PersonRows)
        arrivals = await self._arrivals(partition, subject.person_id)
        suspected = [key.encode() for key in subject.suspected]
        return remade(
            tables, partition, subject.person_id, arrivals, max_bytes=self._max_row_bytes, suspected=suspected
        )

    async def _arrivals(self, partition: int, person_id: str) -> Sequence[Arrival]:
        """The events of a person that the partition has applied."""
        for agent in AGENTS_OF_ROWS:
            row = self._quarantine.read(partition, agent, person_id)
            if row.parked is not None or row.discarded:
                raise NotHealedError(f"the person has events in quarantine of {agent}; redrive them first")
        applied = self._positions.applied(partition)
        found: list[Arrival] = []
        async for arrival in self._log.arrivals(person_id):
            if arrival.stream_sequence > applied:
                break
            found.append(arrival)
        return found


class HealSagaRows(LaneAgent):
    """Writes the row of a saga that is asked for."""

    name = "heal_saga_rows"

    def __init__(self, table: LaneTable, history: SagaHistory, on_healed: Callable[[int, str], None]) -> None:
        self.tables = (table,)
        self._table = table
        self._history = history
        self._on_healed = on_healed

    async def process(self, batch: Batch) -> None:
        """Stage the right row, made of the events up to the one that the table has folded last."""
        healing = _healing_of(batch)
        if healing is None:
            return
        assert isinstance(healing.subject, SagaRows)
        view = TableView(self._table, batch.partition)
        known = NOTHING
        recent: tuple[RecentEvent, ...] = ()
        folded_up_to = SagasTable(self._table).position(batch.partition)
        async for arrival in self._history.arrivals(healing.subject.saga_id):
            if arrival.stream_sequence > folded_up_to:
                break
            if arrival.event is not None:
                recent = (*recent[1 - RECENT_EVENTS :], recent_event(arrival.event))
            known = folded(known, arrival)
        if known.saga is None:
            healing.error = NotHealedError("no events of this saga are folded in this partition")
            return
        sagas.stage(view, SagaRow(known.saga, known.stream_sequence, recent))
        healing.done = _stage(batch, {self._table.name: self._table}, {self._table.name: dict(view.staged)})

    async def committed(self, batch: Batch) -> None:
        """Let what is derived from the row follow."""
        healing = _healing_of(batch)
        if healing is not None and healing.done is not None:
            assert isinstance(healing.subject, SagaRows)
            self._on_healed(batch.partition, healing.subject.saga_id)


class Healer:
    """Asks the lanes of this worker for healing cycles, one at a time."""

    def __init__(self, repeat_events: Repeat, repeat_sagas: Repeat) -> None:
        self._repeat_events = repeat_events
        self._repeat_sagas = repeat_sagas
        self._one_at_a_time = asyncio.Lock()

    async def person(self, partition: int, rows: PersonRows) -> Healed:
        """Make all rows of a person right; raises NotHealedError."""
        return await self._heal(self._repeat_events, partition, rows)

    async def day(self, partition: int, correction: DayCorrection) -> Healed:
        """Correct the counts of a day; raises NotHealedError."""
        return await self._heal(self._repeat_events, partition, correction)

    async def saga(self, partition: int, saga_id: str) -> Healed:
        """Make the rows of a saga right; raises NotHealedError."""
        return await self._heal(self._repeat_sagas, partition, SagaRows(saga_id))

    async def _heal(self, repeat: Repeat, partition: int, subject: Subject) -> Healed:
        healing = _Healing(subject)

        def prepare(batch: Batch) -> None:
            # A cycle that failed and is repeated begins anew.
            healing.done, healing.error = None, None
            batch.once("healing", lambda: healing)

        async with self._one_at_a_time:
            try:
                await repeat(partition, [], prepare)
            except LookupError:
                raise NotHealedError("the partition is on its way to another worker; ask again", again=True) from None
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                raise NotHealedError("the lane stopped before it was done; ask again", again=True) from None
        if healing.error is not None:
            if isinstance(healing.error, NotHealedError):
                raise healing.error
            raise NotHealedError(f"the events cannot be folded ({type(healing.error).__name__})") from healing.error
        assert healing.done is not None
        return healing.done


def _stage(batch: Batch, tables: Mapping[str, LaneTable], staged: Staged) -> Healed:
    rows = changed = 0
    for name, by_key in staged.items():
        view = batch.view(tables[name])
        for key, value in by_key.items():
            rows += 1
            changed += view.get(key) != value
            if value is None:
                view.delete(key)
            else:
                view.put(key, value)
    return Healed(rows, changed)


def _correct(view: TableView, correction: DayCorrection) -> None:
    row = statistics.find(view, correction.day)
    for column, differences in correction.add.items():
        held: Counter[str] = getattr(row.counts, column)
        held.update(differences)
    statistics.stage(view, correction.day, row)


def _healing_of(batch: Batch) -> _Healing | None:
    return batch.once("healing", _none)


def _none() -> _Healing | None:
    return None
