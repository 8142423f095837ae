"""Rows of several partitions come in one order, and none is taken before it is wanted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from queries.merged_rows import Chunk, NextChunk, merged_rows


def source(rows: list[int], size: int, asked: list[int]) -> NextChunk:
    async def next_chunk(after: int | None) -> Chunk:
        begin = 0 if after is None else after
        asked.append(begin)
        end = begin + size
        return Chunk(rows[begin:end], end if end < len(rows) else None)

    return next_chunk


@given(parts=st.lists(st.lists(st.integers(0, 50), max_size=20), max_size=5), size=st.integers(1, 4))
async def test_sorted_sources_become_one_sorted_sequence(parts: list[list[int]], size: int) -> None:
    sources = [source(sorted(part), size, []) for part in parts]
    found = [row async for row in merged_rows(sources, lambda row: row)]

    assert found == sorted(row for part in parts for row in part)


async def test_a_source_is_asked_for_no_more_than_is_read() -> None:
    asked: list[int] = []
    rows = merged_rows([source(list(range(1000)), 10, asked)], lambda row: row)

    assert [await anext(rows) for _ in range(15)] == list(range(15))
    assert asked == [0, 10]


async def test_the_newest_come_first_when_sources_descend() -> None:
    sources = [source([9, 5, 1], 2, []), source([8, 7], 2, [])]

    assert [row async for row in merged_rows(sources, lambda row: row, descending=True)] == [9, 8, 7, 5, 1]
