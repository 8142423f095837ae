"""What the streams of the installation hold, and the dead letters that are open, asked of JetStream every few seconds by the owner of partition 0.

Guarantee: one worker tells, so that nobody has to know which of several equal answers to leave out; a count is at most some seconds old while
the server answers."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from nats.aio.client import Client

from bridge.ending import end
from bridge.jetstream import api
from queries.dead_letters.census import OpenLetter

logger = logging.getLogger(__name__)

EVERY_S = 10.0
TELLING_PARTITION = 0
KINDS_TOLD = 200
"""Pairs of consumer and cause that are told apart: anybody who may write to the stream may make one up."""
UNTOLD = "other"


class StreamState(NamedTuple):
    """One stream: messages, bytes, and when the oldest was stored, in seconds since the epoch; None for an empty one."""

    messages: int
    size: int
    oldest: float | None


class StreamCensus:
    """Counts while it runs and the worker owns the partition that tells; `letters` gives the dead letters that are open."""

    def __init__(
        self,
        nc: Client,
        streams: Sequence[str],
        letters: Callable[[], Awaitable[Iterable[OpenLetter]]],
        owned: Callable[[], frozenset[int]],
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._nc = nc
        self._streams = streams
        self._letters = letters
        self._owned = owned
        self._every_s = every_s
        self._states: Mapping[str, StreamState] = {}
        self._open: Mapping[tuple[str, str], int] = {}
        self._oldest: Mapping[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to count."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="stream census")

    async def stop(self) -> None:
        """Count no more."""
        if self._task is not None:
            await end(self._task)
        self._forget()

    def states(self) -> Mapping[str, StreamState]:
        """The streams by name; nothing on a worker that does not tell."""
        return self._states if self._tells else {}

    def dead_letters(self) -> Mapping[tuple[str, str], int]:
        """Open dead letters by consumer and cause; nothing on a worker that does not tell."""
        return self._open if self._tells else {}

    def oldest_letters(self) -> Mapping[str, float]:
        """When the oldest open dead letter of a route was stored, in seconds since the epoch."""
        return self._oldest if self._tells else {}

    async def count(self) -> None:
        """Count now; raises the client's error when the server does not answer."""
        if not self._tells:
            self._forget()
            return
        self._states = {name: _state((await api(self._nc, f"STREAM.INFO.{name}"))["state"]) for name in self._streams}
        found: Counter[tuple[str, str]] = Counter()
        oldest: dict[str, float] = {}
        for letter in await self._letters():
            found[letter.place.consumer, letter.cause] += 1
            since = letter.since.timestamp()
            oldest[letter.route] = min(since, oldest.get(letter.route, since))
        self._open, self._oldest = _bounded(found), oldest

    @property
    def _tells(self) -> bool:
        return TELLING_PARTITION in self._owned()

    def _forget(self) -> None:
        self._states, self._open, self._oldest = {}, {}, {}

    async def _run(self) -> None:
        while True:
            try:
                await self.count()
            except Exception as error:
                # Whatever it was, the next count is as good as this one would have been.
                logger.warning("the streams could not be counted: %s", type(error).__name__)
            await asyncio.sleep(self._every_s)


def _bounded(found: Counter[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    told = Counter(dict(found.most_common(KINDS_TOLD)))
    if found.total() > told.total():
        told[UNTOLD, UNTOLD] += found.total() - told.total()
    return told


def _state(state: Mapping[str, Any]) -> StreamState:
    oldest = datetime.fromisoformat(state["first_ts"]).timestamp() if state["messages"] else None
    return StreamState(int(state["messages"]), int(state["bytes"]), oldest)
