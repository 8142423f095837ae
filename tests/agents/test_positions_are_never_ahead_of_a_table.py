"""However cycles are cut, failed, repeated and taken over, the position told from the rows is one that every table holds.

Tables and changelogs are maps here, so that thousands of lives of a partition can be tried; what writes and reads positions is the real thing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from agents.mark_position import MarkPosition
from agents.reading import DecodedBatch
from lanes.agent import Batch
from lanes.table import TableView
from tables import position
from tables.position import KEY, AppliedPositions, TablePosition, encode, find, reached

P = 3
NAMES = ("persons", "summary", "search", "network")


class MapTable:
    """A table whose changelog may be ahead of its rows, as it is after a write of which nobody has heard."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[bytes, bytes] = {}
        self.changelog: dict[bytes, bytes] = {}

    def get(self, _partition: int, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def reading(self, _partition: int) -> tuple[dict[bytes, bytes], Any]:
        return {}, self.rows.get

    def write(self, staged: Mapping[bytes, bytes | None], upto: int) -> None:
        """The first rows reach the changelog."""
        self.changelog.update({key: value for key, value in list(staged.items())[:upto] if value is not None})


class Partition:
    """The tables of a partition and its present owner. Event i (from 1) changes the tables `changes[i - 1]`."""

    def __init__(self, changes: Sequence[Collection[str]]) -> None:
        self.tables: Any = {name: MapTable(name) for name in NAMES}
        self.changes = [set(names) for names in changes]
        self.done = 0
        self.take_over(0)

    def take_over(self, again: int) -> None:
        """A worker recovers all changelogs and goes on some events back."""
        for table in self.tables.values():
            table.rows = dict(table.changelog)
        self.applied = AppliedPositions()
        self.applied.advance(P, self.told())
        self.marking = MarkPosition(tuple(self.tables.values()), self.applied)
        self.done = max(0, self.done - again)

    def empty(self, name: str) -> None:
        """A table is to be filled again from the first event on, by a model that every event changes."""
        self.tables[name].changelog.clear()
        for names in self.changes:
            names.add(name)
        self.take_over(len(self.changes))

    def cycle(self, events: int, cut: Sequence[int] | None) -> None:
        """Stage the next events; all of them are committed, or of each table so many rows as `cut` says reach the changelog."""
        taken = range(self.done + 1, min(self.done + events, len(self.changes)) + 1)
        if not taken:
            return
        views: Any = {name: TableView(table, P) for name, table in self.tables.items()}
        batch = Batch(P, (), views)
        batch.once("decoded events", lambda: DecodedBatch({}, [], taken[-1]))
        for event in taken:
            for name in self.changes[event - 1]:
                if event not in self.held(name):
                    views[name].put(b"%d" % event, b"")
        _run(self.marking.process(batch))
        for index, (name, view) in enumerate(views.items()):
            self.tables[name].write(view.staged, len(view.staged) if cut is None else cut[index])
            if cut is None:
                self.tables[name].rows.update(view.staged)
        if cut is None:
            _run(self.marking.committed(batch))
            self.done = taken[-1]
        else:
            self.marking.forget(P)

    def held(self, name: str) -> set[int]:
        return {int(key) for key in self.tables[name].rows if key != KEY}

    def told(self) -> int:
        """The position as a new owner reads it."""
        return reached({name: find(table, P) for name, table in self.tables.items()})

    def lacks(self, upto: int) -> list[tuple[str, int]]:
        """What tables lack of the events up to a position."""
        return [
            (name, event)
            for event in range(1, upto + 1)
            for name in self.changes[event - 1]
            if event not in self.held(name)
        ]


class Step(NamedTuple):
    """So many events in one cycle; where each changelog is cut, if one is; who goes on, and from how many events back."""

    events: int
    cut: list[int] | None
    taken_over: bool
    again: int
    emptied: str | None


STEPS = st.builds(
    Step,
    st.integers(1, 4),
    st.none() | st.lists(st.integers(0, 3), min_size=len(NAMES), max_size=len(NAMES)),
    st.booleans(),
    st.integers(0, 5),
    st.sampled_from((None, None, None, *NAMES)),
)


@settings(deadline=None, max_examples=300)
@forall(
    st.lists(st.frozensets(st.sampled_from(NAMES)), min_size=1, max_size=40),
    st.lists(STEPS, min_size=1, max_size=25),
)
def test_no_table_lacks_an_event_up_to_the_position_that_is_told(
    changes: list[frozenset[str]], steps: list[Step]
) -> None:
    partition = Partition(changes)
    for step in steps:
        partition.cycle(step.events, step.cut)
        if step.cut is None:
            assert partition.told() >= partition.applied.applied(P) >= partition.done
        if step.taken_over:
            if step.emptied is None:
                partition.take_over(step.again)
            else:
                partition.empty(step.emptied)
            assert not partition.lacks(partition.applied.applied(P))
        assert not partition.lacks(partition.told())


def test_a_table_that_a_cycle_does_not_change_gets_no_row_after_the_first_cycle_of_an_owner() -> None:
    partition = Partition([{"persons"}, {"persons"}, set(), {"persons", "summary"}])
    partition.cycle(1, None)
    first = {name: find(table, P).stream_sequence for name, table in partition.tables.items()}

    partition.cycle(1, None)
    second = {name: find(table, P).stream_sequence for name, table in partition.tables.items()}
    partition.cycle(1, None)
    third = {name: find(table, P).stream_sequence for name, table in partition.tables.items()}

    assert set(first.values()) == {1}
    assert second == {**first, "persons": 2}
    # A cycle that changes nothing leads the partition on as well.
    assert third == {**first, "persons": 3}
    assert partition.told() == 3


def test_a_cycle_that_is_cut_between_two_tables_is_not_told_until_it_is_whole() -> None:
    partition = Partition([{"persons"}, {"summary"}, {"persons", "summary"}])
    partition.cycle(1, None)
    partition.cycle(1, None)

    partition.cycle(1, [2, 0, 0, 0])
    partition.take_over(0)

    assert find(partition.tables["persons"], P).stream_sequence == 3
    assert partition.told() == 2
    partition.cycle(1, None)
    assert partition.told() == 3


def test_what_an_owner_before_knew_of_a_table_says_nothing_of_it_once_it_is_filled_again() -> None:
    partition = Partition([{"summary", "persons"}, *[{"persons"}] * 4])
    partition.cycle(1, None)
    partition.cycle(4, None)
    partition.empty("summary")

    partition.cycle(2, [0, 3, 0, 0])
    partition.take_over(2)

    # The model of before needed nothing behind event 1, and the owner before knew of no more.
    assert find(partition.tables["summary"], P).stream_sequence == 2
    assert partition.told() == 1


def test_a_position_of_before_there_were_eras_says_nothing_of_other_tables() -> None:
    tables = {"persons": TablePosition(9), "summary": TablePosition(7)}

    assert reached(tables) == 7


@pytest.mark.parametrize("stored", [b"12", encode(TablePosition(12, 3, {"persons": 12}))])
def test_rows_of_both_forms_are_read(stored: bytes) -> None:
    table: Any = MapTable("persons")
    table.rows[KEY] = stored

    assert position.read(table, P) == 12


def _run(work: Any) -> None:
    asyncio.run(work)
