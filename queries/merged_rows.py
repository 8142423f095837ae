"""Rows of several sources as one ordered sequence, taken from each only as far as it is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Row = Any


class Comparable(Protocol):
    """What rows are ordered by."""

    def __lt__(self, other: Any, /) -> bool:
        """Whether this comes first."""
        ...


@dataclass(frozen=True)
class Chunk:
    """Some rows of a source in its order, and where the source goes on; None at its end."""

    rows: Sequence[Row]
    after: Any = None


NextChunk = Callable[[Any], Awaitable[Chunk]]
"""Gives the rows behind a place, the first ones for None."""


@dataclass
class _Source:
    next_chunk: NextChunk
    rows: Sequence[Row] = ()
    at: int = 0
    after: Any = None
    ended: bool = field(default=False)

    async def head(self) -> Row | None:
        """The row that comes next, None at the end."""
        while self.at == len(self.rows) and not self.ended:
            chunk = await self.next_chunk(self.after)
            self.rows, self.at, self.after = chunk.rows, 0, chunk.after
            self.ended = chunk.after is None
        return self.rows[self.at] if self.at < len(self.rows) else None


async def merged_rows(
    sources: Sequence[NextChunk], order: Callable[[Row], Comparable], *, descending: bool = False
) -> AsyncIterator[Row]:
    """The rows of all sources. Each keeps its own order; of the rows that are next, the first by `order` is taken."""
    choose = max if descending else min
    waiting = [_Source(next_chunk) for next_chunk in sources]
    while True:
        found = await asyncio.gather(*(source.head() for source in waiting))
        heads = [(head, source) for head, source in zip(found, waiting, strict=True) if head is not None]
        if not heads:
            return
        row, source = choose(heads, key=lambda pair: order(pair[0]))
        source.at += 1
        waiting = [source for _, source in heads]
        yield row
