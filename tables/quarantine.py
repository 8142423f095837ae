"""Table `quarantine`: agent and person to the events of that person that wait for that agent, and those that an operator discarded.

A person without a row flows. The events themselves are in JetStream; a row tells from where to where they wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from lanes.table import LaneTable, TableView

NAME = "quarantine"


class Parked(NamedTuple):
    """Events that wait: stream sequences of the first, which is the poison, and of the last, and how many there are.

    `since_ms` is milliseconds since the epoch, `attempts` how often the first was tried.
    """

    first: int
    last: int
    events: int
    cause: str
    reason: str
    since_ms: int
    attempts: int
    live_after: int | None = None
    """Events above this stream sequence have caused no effects before they were parked; None for a row of an earlier version."""


class Discarded(NamedTuple):
    """An event that an operator took out of the way: its stream sequence and the version of the person that it claims, if any.

    With `instead`, an edited copy as text, the agent takes the copy in its place.
    """

    stream_sequence: int
    version: int | None
    by: str
    at_ms: int
    instead: str | None = None


class QuarantineRow(NamedTuple):
    """What is kept for one person and one agent."""

    parked: Parked | None = None
    discarded: tuple[Discarded, ...] = ()


class QuarantineTable:
    """Reads of parked persons. How many rows each agent has is counted in memory, so that an agent without any asks nothing."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table
        self._rows: dict[int, Counter[str]] = {}
        self._parked: dict[int, Counter[str]] = {}
        self._since: dict[int, Counter[tuple[str, int]]] = {}
        """Parked persons of a partition by agent and by the second in which they began to wait."""

    def concerns(self, partition: int, agent: str) -> bool:
        """Whether an agent has any row in a partition."""
        return self._counted(partition)[agent] > 0

    def read(self, partition: int, agent: str, person_id: str) -> QuarantineRow:
        """The committed row of a person; an empty one when nothing is kept."""
        if not self.concerns(partition, agent):
            return NOTHING
        value = self.table.get(partition, key(agent, person_id))
        return NOTHING if value is None else decode(value)

    def rows(self, partition: int, agent: str | None = None) -> Iterator[tuple[str, str, QuarantineRow]]:
        """Agent, person and row of a partition in the order of their keys."""
        found = self.table.rows(partition) if agent is None else self.table.scan(partition, f"{agent}:".encode())
        for raw, value in found:
            of_agent, _, person_id = raw.decode().partition(":")
            yield of_agent, person_id, decode(value)

    def parked_persons(self, partitions: Iterable[int]) -> Mapping[str, int]:
        """Parked persons by agent, over those of the partitions that are counted already."""
        return sum((self._parked[partition] for partition in partitions if partition in self._parked), Counter())

    def parked_in(self, partition: int) -> int:
        """Parked persons of all agents in a partition that is recovered; its rows are counted again if need be."""
        self._counted(partition)
        return self._parked[partition].total()

    def oldest_since(self, partitions: Iterable[int]) -> Mapping[str, int]:
        """Second since the epoch from which on an agent's oldest parked person waits, by agent, over those partitions."""
        oldest: dict[str, int] = {}
        for partition in partitions:
            for agent, second in self._since.get(partition, ()):
                oldest[agent] = min(second, oldest.get(agent, second))
        return oldest

    def load(self, partition: int) -> None:
        """Count the committed rows of a partition."""
        rows, parked, since = Counter[str](), Counter[str](), Counter[tuple[str, int]]()
        for agent, _, row in self.rows(partition):
            rows[agent] += 1
            if row.parked is not None:
                parked[agent] += 1
                since[agent, _second(row.parked)] += 1
        self._rows[partition], self._parked[partition], self._since[partition] = rows, parked, since

    def changed(self, partition: int, agent: str, before: QuarantineRow, after: QuarantineRow) -> None:
        """Count a row that was committed in the place of another."""
        if partition in self._rows:
            self._rows[partition][agent] += (after != NOTHING) - (before != NOTHING)
            self._parked[partition][agent] += (after.parked is not None) - (before.parked is not None)
            self._count_since(self._since[partition], agent, before.parked, after.parked)

    def forget(self, partition: int) -> None:
        """Drop what is counted for a partition."""
        self._rows.pop(partition, None)
        self._parked.pop(partition, None)
        self._since.pop(partition, None)

    @staticmethod
    def _count_since(since: Counter[tuple[str, int]], agent: str, before: Parked | None, after: Parked | None) -> None:
        if after is not None:
            since[agent, _second(after)] += 1
        if before is not None:
            began = (agent, _second(before))
            since[began] -= 1
            if since[began] <= 0:
                del since[began]

    def _counted(self, partition: int) -> Counter[str]:
        if partition not in self._rows:
            self.load(partition)
        return self._rows[partition]


def _second(parked: Parked) -> int:
    return parked.since_ms // 1000


NOTHING = QuarantineRow()


def key(agent: str, person_id: str) -> bytes:
    """The row key; an agent's rows are one range of keys."""
    return f"{agent}:{person_id}".encode()


def find(view: TableView, agent: str, person_id: str) -> QuarantineRow:
    """The row of a person, staged or committed."""
    value = view.get(key(agent, person_id))
    return NOTHING if value is None else decode(value)


def stage(view: TableView, agent: str, person_id: str, row: QuarantineRow) -> None:
    """Stage a row; an empty one is removed."""
    if row == NOTHING:
        view.delete(key(agent, person_id))
    else:
        view.put(key(agent, person_id), encode(row))


def encode(row: QuarantineRow) -> bytes:
    """The stored form."""
    value: dict[str, Any] = {}
    if row.parked is not None:
        value["parked"] = row.parked._asdict()
    if row.discarded:
        value["discarded"] = [one._asdict() for one in row.discarded]
    return orjson.dumps(value)


def decode(value: bytes) -> QuarantineRow:
    """A stored row."""
    row = orjson.loads(value)
    parked = row.get("parked")
    return QuarantineRow(
        None if parked is None else Parked(**parked), tuple(Discarded(**one) for one in row.get("discarded", ()))
    )
