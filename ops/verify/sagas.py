"""Compares the rows of sagas with an independent fold of PERSON_SAGAS, and what the index of sagas holds of them.

Guarantee: as for persons, a difference is told only when it is there still after the saga was looked at several times."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from bridge import read
from config.streams import SAGAS
from domain.sagas.evolve import evolve
from domain.sagas.saga_events import read_saga_event, saga_filter
from domain.sagas.state import Saga, dump_saga
from domain.undecodable import Undecodable
from ops.verify.findings import Finding, Tally
from ops.verify.owners import Owners
from ops.verify.reading import Stored
from queries.index.database import IndexDatabase
from queries.processes import SAGA_SOURCES
from tables.sagas import RECENT_EVENTS, RecentEvent, recent_event

CHECK = "sagas"
GROUP = 100
LOOKS = 4
BETWEEN_LOOKS_S = 0.4


class SagaHistory:
    """One saga as its stored events tell it."""

    def __init__(self, saga_id: str, partition: int) -> None:
        self.saga_id = saga_id
        self.partition = partition
        self.saga: Saga | None = None
        self.last = 0
        self.faults: list[Finding] = []
        self._recent: tuple[RecentEvent, ...] = ()

    def tell(self, stored: Stored) -> None:
        """Fold one more event; one that cannot be read changes the place alone, as in the table."""
        if stored.stream_sequence <= self.last:
            return
        self.last = stored.stream_sequence
        try:
            event = read_saga_event(stored.data, subject=stored.subject)
        except Undecodable as error:
            self._fault(f"at {stored.stream_sequence}: cannot be read: {error.cause}")
            return
        version = 0 if self.saga is None else self.saga.version
        if event.sequence != version + 1:
            self._fault(f"at {stored.stream_sequence}: {event.sequence} follows {version}")
        self.saga = evolve(self.saga, event)
        self._recent = (*self._recent[1 - RECENT_EVENTS :], recent_event(event))

    def rows(self) -> dict[str, Any]:
        """The rows by key."""
        saga = self.saga
        if saga is None:
            return {}
        row = {
            "saga": orjson.loads(dump_saga(saga)),
            "stream_sequence": self.last,
            "recent": orjson.loads(orjson.dumps([one._asdict() for one in self._recent])),
        }
        return {self.saga_id: row, f"p:{saga.person_id}:{self.saga_id}": 0 if saga.is_ended else 1}

    def _fault(self, what: str) -> None:
        self.faults.append(Finding("stream", self.partition, SAGAS, self.saga_id, "event", what))


async def compare_sagas(owners: Owners, histories: Sequence[SagaHistory], tally: Tally, *, index: bool) -> None:
    """Compare the sagas of one partition."""
    for start in range(0, len(histories), GROUP):
        group = histories[start : start + GROUP]
        differing = await _look(owners, group, index=index)
        for one in group:
            tally.add(one.faults)
        tally.sagas += len(group)
        for saga in differing:
            found: Sequence[Finding] = ()
            for _ in range(LOOKS - 1):
                await asyncio.sleep(BETWEEN_LOOKS_S)
                found = (await _look(owners, [saga], index=index)).get(saga, ())
                if not found:
                    break
            tally.add(found)


async def _look(
    owners: Owners, histories: Sequence[SagaHistory], *, index: bool
) -> dict[SagaHistory, Sequence[Finding]]:
    keys = [key for one in histories for key in one.rows()]
    asked: dict[str, Any] = {"index": [one.saga_id for one in histories]} if index else {}
    moment = await owners.rows(
        histories[0].partition,
        keys={"sagas": keys},
        stream=SAGAS,
        min_position=max(one.last for one in histories),
        timeout_ms=10_000,
        **asked,
    )
    found: dict[SagaHistory, Sequence[Finding]] = {}
    for one in histories:
        held = {key: _decoded(moment.rows["sagas"].get(key)) for key in one.rows()}
        row = held.get(one.saga_id)
        if isinstance(row, dict) and row.get("stream_sequence", 0) > one.last:
            async for message in read.messages(owners.nc, SAGAS, saga_filter(one.saga_id), after=one.last):
                if message.stream_sequence <= row["stream_sequence"]:
                    one.tell(Stored(message.stream_sequence, message.subject, message.data))
        differences = [
            finding for key, expected in one.rows().items() for finding in _of_row(one, key, expected, held.get(key))
        ]
        if index and moment.index is not None:
            differences += _of_index(one, moment.index.get(one.saga_id, {}))
        if differences:
            found[one] = differences
    return found


def _of_row(one: SagaHistory, key: str, expected: Any, found: Any) -> list[Finding]:
    heal = {"act": "heal_saga", "saga_id": one.saga_id}

    def finding(field: str, what: str, wanted: Any, has: Any) -> Finding:
        return Finding(CHECK, one.partition, "sagas", one.saga_id, field, what, wanted, has, heal)

    if found is None:
        return [finding(key if key != one.saga_id else "row", "is missing", expected, None)]
    if not isinstance(expected, dict) or not isinstance(found, dict):
        return [] if expected == found else [finding(key, "differs", expected, found)]
    differing = [name for name in ("stream_sequence", "recent") if expected[name] != found.get(name)]
    findings = [finding(name, "differs", expected[name], found.get(name)) for name in differing]
    if not _same_saga(expected["saga"], found.get("saga")):
        wanted, has = expected["saga"], found.get("saga")
        members = {**wanted, **(has if isinstance(has, dict) else {})}
        findings += [
            finding(f"saga.{name}", "differs", wanted.get(name), has.get(name) if isinstance(has, dict) else None)
            for name in members
            if not isinstance(has, dict) or wanted.get(name) != has.get(name)
        ]
    return findings


def _of_index(one: SagaHistory, held: Any) -> list[Finding]:
    database = IndexDatabase(Path(":memory:"), SAGA_SOURCES)
    try:
        row = one.rows().get(one.saga_id)
        rows = [] if row is None else [(one.saga_id.encode(), orjson.dumps(row))]
        database.build({"sagas": rows}, lambda: True)
        expected = database.contents([one.saga_id])[one.saga_id]
    finally:
        database.close()
    if orjson.dumps(expected) == orjson.dumps(held):
        return []
    heal = {"act": "heal_saga", "saga_id": one.saga_id}
    return [Finding("index", one.partition, "sagas", one.saga_id, "rows", "differs", expected, held, heal)]


def _same_saga(wanted: Any, has: Any) -> bool:
    try:
        return bool(Saga.restore(wanted) == Saga.restore(has))
    except Exception:
        return False


def _decoded(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value.decode("latin-1")
