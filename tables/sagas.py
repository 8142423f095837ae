"""Table `sagas`: saga id to the folded saga with its last events, in the partition of its person.

Rows under `p:<person id>:<saga id>` name the sagas of a person and tell which of them have not ended, so that an event of the person finds
the sagas that may wait for it. The history in full is in JetStream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from domain.sagas.saga_events import SagaEvent
from domain.sagas.state import Saga, dump_saga, load_saga
from domain.times import format_instant
from lanes.table import LaneTable, TableView

NAME = "sagas"

RECENT_EVENTS = 8
"""Saga events that a row tells of; the operator's first look needs no more."""

_POSITION = b"__position__"


class RecentEvent(NamedTuple):
    """What a row tells of one of the last saga events: ids, codes and words, no personal data."""

    sequence: int
    type: str
    time: str
    actor: str
    data: dict[str, Any]


class SagaRow(NamedTuple):
    """A saga, the stream sequence of its last event, and its last events, oldest first."""

    saga: Saga
    stream_sequence: int
    recent: tuple[RecentEvent, ...] = ()


class SagasTable:
    """Reads of sagas."""

    def __init__(self, table: LaneTable) -> None:
        self.table = table

    def read(self, partition: int, saga_id: str) -> SagaRow | None:
        """The committed row of a saga, or None."""
        value = self.table.get(partition, saga_id.encode())
        return None if value is None else decode(value)

    def running_of(self, partition: int, person_id: str) -> list[str]:
        """Ids of the sagas of a person that have not ended, in the order of ids."""
        return [saga_id for saga_id, runs in self._of_person(partition, person_id) if runs]

    def of_person(self, partition: int, person_id: str) -> list[str]:
        """Ids of all sagas of a person, in the order of ids."""
        return [saga_id for saga_id, _ in self._of_person(partition, person_id)]

    def rows(self, partition: int, *, after: str = "") -> Iterator[SagaRow]:
        """The committed rows of a partition behind a saga id, in the order of ids."""
        start = f"{after}\0".encode() if after else b""
        for key, value in self.table.scan(partition, b"", start=start):
            if len(key) == _ID_LENGTH:
                yield decode(value)

    def position(self, partition: int) -> int:
        """The stream sequence of `PERSON_SAGAS` up to which the partition is folded, 0 before the first event."""
        value = self.table.get(partition, _POSITION)
        return 0 if value is None else int(value)

    def _of_person(self, partition: int, person_id: str) -> Iterator[tuple[str, bool]]:
        for key, value in self.table.scan(partition, f"p:{person_id}:".encode()):
            yield key.decode().rpartition(":")[2], value == _RUNS


def recent_event(event: SagaEvent) -> RecentEvent:
    """What a row tells of a saga event."""
    data = event.data.model_dump(mode="json", exclude_defaults=True)
    return RecentEvent(event.sequence, event.type, format_instant(event.time), event.actor, data)


def find(view: TableView, saga_id: str) -> SagaRow | None:
    """The row of a saga, staged or committed."""
    value = view.get(saga_id.encode())
    return None if value is None else decode(value)


def stage(view: TableView, row: SagaRow) -> None:
    """Stage the row of a saga and what its person's index tells of it."""
    saga = row.saga
    view.put(saga.saga_id.encode(), encode(row))
    key = f"p:{saga.person_id}:{saga.saga_id}".encode()
    runs = _ENDED if saga.is_ended else _RUNS
    if view.get(key) != runs:
        view.put(key, runs)


def stage_position(view: TableView, stream_sequence: int) -> None:
    """Stage how far the partition is folded."""
    view.put(_POSITION, b"%d" % stream_sequence)


def encode(row: SagaRow) -> bytes:
    """The bytes of a row."""
    return orjson.dumps(
        {
            "saga": orjson.Fragment(dump_saga(row.saga)),
            "stream_sequence": row.stream_sequence,
            "recent": [one._asdict() for one in row.recent],
        }
    )


def decode(value: bytes) -> SagaRow:
    """The row in bytes of `encode`."""
    document = orjson.loads(value)
    recent = tuple(RecentEvent(**one) for one in document["recent"])
    return SagaRow(load_saga(orjson.dumps(document["saga"])), document["stream_sequence"], recent)


_ID_LENGTH = 36
_RUNS = b"1"
_ENDED = b"0"
