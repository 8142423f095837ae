"""One subscription on the worker that serves it: asks the owners of all partitions, and sends what they tell in one flow.

Guarantee: the changes of a person come in order and each once, whichever worker owns its partition meanwhile. `position` of a message
is a place from which another session misses nothing. What waits is bounded: an owner is asked for more only when the reader has room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from queries.endpoint import Ask, Found
from queries.filters import Filters
from queries.frame import QueryError
from queries.outflow import Outflow
from queries.subscriptions.messages import Change, ChangesSince, Followed, Matching
from queries.subscriptions.reads import CHANGES, MATCHING

POLL_MS = 1000
"""How long an owner keeps a question for changes that it has not got yet; a dead one is noticed after twice that."""
AGAIN_S = 0.05
REMEMBERED = 50_000
"""Persons of whom it is known that the reader holds a row; beyond that it is told of removals that may mean nothing to it."""


class Wanted(NamedTuple):
    """What a subscriber follows."""

    projection: Followed
    filter: Filters


class _Told(NamedTuple):
    changes: Sequence[Change]
    mark: str | None
    reached: int
    resumable: int
    after: str | None

    @classmethod
    def of(cls, found: Found) -> _Told:
        data = found.data
        changes = [Change(*one) for one in data["changes"]]
        return cls(changes, data["mark"], data["reached"], data["resumable"], data.get("after"))


@dataclass
class _Place:
    """Where the changes of a partition go on: behind a mark of its owner, or a stream sequence when there is none."""

    mark: str | None
    reached: int
    _ahead: dict[str, int] = field(default_factory=dict)

    def note(self, change: Change, reached: int) -> None:
        """Remember a row that was read from its table in a newer state than the mark tells: the change comes once more behind it."""
        if change.stream_sequence > reached:
            self._ahead[change.person_id] = change.sequence

    def is_news(self, change: Change) -> bool:
        """Whether the state behind a change was not sent yet."""
        known = self._ahead.get(change.person_id, 0)
        if change.sequence >= known:
            self._ahead.pop(change.person_id, None)
        return change.sequence > known


class Session:
    """Sends snapshot, changes and positions to one subject until the reader is gone or slow, or it is cancelled.

    With `positions` (stream sequence by partition) it sends the changes behind them instead of a snapshot.
    """

    def __init__(
        self, ask: Callable[[], Ask], flow: Outflow, wanted: Wanted, positions: Mapping[int, int] | None
    ) -> None:
        self._ask = ask
        self._flow = flow
        self._wanted = wanted
        self._from = positions
        self._partitions = range(ask().partitions)
        self._sent: dict[int, int] = dict(positions or {})
        self._confirmed: dict[int, int] = dict(positions or {})
        self._unconfirmed: deque[tuple[int, Mapping[int, int]]] = deque()
        self._held: set[str] | None = None if positions is not None else set()
        self._waiting_for = len(self._partitions)
        self._level = asyncio.Event()

    @property
    def positions(self) -> dict[int, int] | None:
        """From where another session goes on: what the reader has acknowledged, or was sent if it acknowledges nothing.

        None while the snapshot is not complete: it has to begin anew.
        """
        while self._unconfirmed and self._unconfirmed[0][0] < self._flow.acknowledged:
            self._confirmed |= self._unconfirmed.popleft()[1]
        known = self._confirmed if self._flow.acknowledges else self._sent
        return dict(known) if len(known) == len(self._partitions) else None

    async def run(self) -> None:
        """Serve the reader; raises ReaderGoneError or ReaderSlowError."""
        async with asyncio.TaskGroup() as group:
            for partition in self._partitions:
                group.create_task(self._follow(partition))

    async def _follow(self, partition: int) -> None:
        if self._from is not None and partition in self._from:
            place = _Place(None, self._from[partition])
        else:
            place = await self._snapshot(partition)
        while place.mark is None:
            await self._advance(partition, place)
        self._waiting_for -= 1
        if self._waiting_for == 0:
            self._level.set()
            await self._send("caught_up", positions=self._sent, position=_listed(self._sent))
        await self._level.wait()
        while True:
            await self._advance(partition, place)

    async def _snapshot(self, partition: int) -> _Place:
        """Send the rows that match; returns where their changes begin."""
        place: _Place | None = None
        resumable = 0
        after: str | None = ""
        while after is not None:
            request = Matching(projection=self._wanted.projection, filter=self._wanted.filter, after=after)
            told = _Told.of(await self._asked(partition, MATCHING, request))
            if place is None:
                place, resumable = _Place(told.mark, told.reached), told.resumable
            for change in told.changes:
                place.note(change, place.reached)
                self._hold(change.person_id)
                await self._send("snapshot", change, position=_place(partition, resumable))
            after = told.after
        assert place is not None
        self._sent[partition] = resumable
        return place

    async def _advance(self, partition: int, place: _Place) -> None:
        """Send what comes next."""
        told = await self._changes(partition, place.mark, place.reached)
        for change in told.changes:
            if place.is_news(change):
                await self._send_change(partition, change, min(change.stream_sequence, told.resumable))
            place.note(change, told.reached)
        place.mark, place.reached = told.mark, told.reached
        self._sent[partition] = max(self._sent.get(partition, 0), told.resumable)

    async def _changes(self, partition: int, mark: str | None, reached: int) -> _Told:
        request = ChangesSince(
            projection=self._wanted.projection,
            filter=self._wanted.filter,
            stream_sequence=reached,
            mark=mark,
            wait_ms=POLL_MS,
        )
        return _Told.of(await self._asked(partition, CHANGES, request))

    async def _asked(self, partition: int, read: Any, request: Any) -> Found:
        while True:
            try:
                return await self._ask().one(read, partition, request)
            except QueryError as error:
                # The partition is on its way to another worker.
                if error.code != "unavailable":
                    raise
                await asyncio.sleep(AGAIN_S)

    async def _send_change(self, partition: int, change: Change, resumable: int) -> None:
        reached = max(self._sent.get(partition, 0), resumable)
        if change.row is not None:
            is_news = change.is_own or self._held is None or change.person_id not in self._held
            self._hold(change.person_id)
            op = "upsert"
        else:
            is_news = self._held is None or change.person_id in self._held
            if self._held is not None:
                self._held.discard(change.person_id)
            op = "delete"
        if is_news:
            await self._send(op, change, positions={partition: reached}, position=_place(partition, reached))
        # Behind the sending: whoever goes on from here must not miss what was not sent.
        self._sent[partition] = reached

    def _hold(self, person_id: str) -> None:
        if self._held is not None:
            self._held.add(person_id)
            if len(self._held) > REMEMBERED:
                self._held = None

    async def _send(
        self, op: str, change: Change | None = None, *, positions: Mapping[int, int] | None = None, position: Any
    ) -> None:
        def encoded(number: int) -> bytes:
            if positions and self._flow.acknowledges:
                self._unconfirmed.append((number, dict(positions)))
            return _encoded(op, number, change, position)

        await self._flow.send(encoded)


def carried_over(positions: Mapping[int, int] | None, partitions: int) -> Mapping[int, int] | None:
    """Positions from which a session over another number of partitions misses nothing: any of its partitions may have persons of any before."""
    if positions is None or len(positions) == partitions:
        return positions
    return dict.fromkeys(range(partitions), min(positions.values()))


def lagged(positions: Mapping[int, int] | None, number: int) -> bytes:
    """The last message of a subscriber that must begin anew, with the place from which it can go on."""
    return _encoded("lagged", number, None, _listed(positions or {}))


def _encoded(op: str, number: int, change: Change | None = None, position: Any = None) -> bytes:
    body: dict[str, Any] = {"op": op, "n": number}
    if change is not None:
        body |= {"person_id": change.person_id, "sequence": change.sequence}
        if change.row is not None:
            body["row"] = change.row
    if position is not None:
        body["position"] = position
    return orjson.dumps(body)


def _place(partition: int, stream_sequence: int) -> dict[str, int]:
    return {"partition": partition, "stream_sequence": stream_sequence}


def _listed(positions: Mapping[int, int]) -> list[dict[str, int]]:
    return [_place(partition, stream_sequence) for partition, stream_sequence in sorted(positions.items())]
