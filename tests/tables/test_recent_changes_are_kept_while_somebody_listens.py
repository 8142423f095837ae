"""Cycles are kept for readers that name where they stand; who stands too far back is told so."""

from __future__ import annotations

import asyncio

from tables.recent_changes import RecentChanges

P = 3


def rows(*keys: str) -> dict[str, dict[bytes, bytes | None]]:
    return {"summary": {key.encode(): b"{}" for key in keys}}


def test_nothing_is_kept_without_a_listener() -> None:
    assert not RecentChanges().is_listened_to(P)


def test_a_listener_gets_each_cycle_behind_its_mark_once() -> None:
    changes = RecentChanges()
    mark = changes.listen(P)
    changes.add(P, rows("a"), 1)
    changes.add(P, rows("b"), 2)

    cycles = changes.since(P, mark)

    assert cycles is not None
    assert [cycle.stream_sequence for cycle in cycles] == [1, 2]
    assert changes.listen(P) == cycles[-1].mark
    assert [cycle.stream_sequence for cycle in changes.since(P, cycles[0].mark) or ()] == [2]
    assert changes.since(P, cycles[-1].mark) == []


def test_a_mark_whose_cycles_made_room_is_unknown() -> None:
    changes = RecentChanges(kept_rows=2)
    first = changes.listen(P)
    changes.add(P, rows("a"), 1)
    second = changes.listen(P)
    changes.add(P, rows("b"), 2)
    changes.add(P, rows("c"), 3)

    assert changes.since(P, first) is None
    assert [cycle.stream_sequence for cycle in changes.since(P, second) or ()] == [2, 3]


def test_the_last_cycle_is_kept_however_many_rows_it_has() -> None:
    changes = RecentChanges(kept_rows=2)
    first = changes.listen(P)
    changes.add(P, rows("a", "b", "c"), 1)
    second = changes.listen(P)

    assert [cycle.stream_sequence for cycle in changes.since(P, first) or ()] == [1]
    changes.add(P, rows("a", "b", "c", "d"), 2)
    assert changes.since(P, first) is None
    assert [cycle.stream_sequence for cycle in changes.since(P, second) or ()] == [2]


def test_a_mark_of_before_the_partition_was_forgotten_is_unknown() -> None:
    changes = RecentChanges()
    mark = changes.listen(P)
    changes.forget(P)

    assert changes.since(P, mark) is None
    assert changes.listen(P) != mark


async def test_a_listener_that_waits_is_woken_by_the_next_cycle() -> None:
    changes = RecentChanges()
    changes.listen(P)
    waiting = asyncio.create_task(changes.moved(P, 10))
    await asyncio.sleep(0)

    changes.add(P, rows("a"), 1)

    await asyncio.wait_for(waiting, 1)
