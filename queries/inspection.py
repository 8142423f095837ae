"""NATS subjects `person.inspections.<app id>.<p>`: the owner of a partition shows its rows as they are stored, and makes wrong ones right.

Guarantee: the rows of an answer are those of one moment, no cycle of a lane lies between two of them, and the answer tells which; nothing
but the lane of the partition writes, between its cycles. What it writes is made from JetStream, never from a request, counts of days
excepted. Who wanted a healing, and why, is stored before it is done."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import Any

import orjson
from nats.aio.client import Client
from pydantic import ValidationError

from agents.healing import DayCorrection, Healed, Healer, NotHealedError, PersonRows
from bridge.letter_acts import Act, LetterActs, Place
from config.streams import DEAD_LETTERS, EVENTS, SAGAS
from lanes.failure import stack_of
from lanes.table import OFFSET_KEY, LaneTable
from queries.frame import QueryError, refusal
from queries.inspection_requests import REQUESTS, HealDay, HealPerson, HealSaga, ReadRows, WalkRows
from queries.inspection_subject import inspection_subject
from queries.owner_answers import OwnerAnswers
from queries.tables_of_worker import WorkerTables
from tables import position
from tables.position import AppliedPositions

logger = logging.getLogger(__name__)

PREFIX = "person.dlq"
HEAL = "healed"
"""Name of the act that is kept of each healing, before it is done."""
HEADROOM = 4096
"""Bytes of a message that are left for what comes around the rows."""


class Inspection:
    """What this worker shows of the partitions that it owns."""

    def __init__(self, nc: Client, tables: WorkerTables, healer: Healer, *, app_id: str) -> None:
        self._nc = nc
        self._tables = tables
        self._healer = healer
        self._named = {table.name: table for table in _all_tables(tables)}
        self._acts = LetterActs(nc, DEAD_LETTERS, PREFIX)
        self._answers = OwnerAnswers(nc, partial(inspection_subject, app_id), self._answered)

    async def own(self, partitions: frozenset[int]) -> None:
        """Answer for partitions."""
        await self._answers.own(partitions)

    async def disown(self, partitions: frozenset[int]) -> None:
        """Answer no more; a healing that runs ends with its lane."""
        await self._answers.disown(partitions)

    async def _answered(self, partition: int, data: bytes) -> bytes:
        try:
            asked = REQUESTS.validate_json(data)
            self._require_owned(partition)
            if isinstance(asked, ReadRows):
                return await self._read(partition, asked)
            if isinstance(asked, WalkRows):
                return self._walk(partition, asked)
            return _told(await self._heal(partition, asked))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "request"
            return refusal(QueryError("invalid_query", f"{field}: {first['msg']}", field=field, rule=first["type"]))
        except QueryError as error:
            return refusal(error)
        except NotHealedError as error:
            return refusal(QueryError("unavailable" if error.again else "not_found", str(error)))
        except Exception as error:
            if partition not in self._tables.owned():
                return refusal(QueryError("unavailable", "the partition moved", partition=partition))
            logger.error("an inspection of partition %s failed: %s", partition, stack_of(error))
            return refusal(QueryError("internal_error", "the inspection failed; the worker's log says why"))

    async def _read(self, partition: int, asked: ReadRows) -> bytes:
        for name in (*asked.keys, *asked.prefixes):
            self._table(name)
        await self._until_applied(partition, asked)
        index = await self._index(partition, asked)
        self._require_owned(partition)
        # From here to the end nothing waits: a lane may commit before and behind, not between.
        rows: list[tuple[str, str, bytes | None]] = []
        room = self._nc.max_payload - HEADROOM - len(index)
        for table, key, value in self._rows(partition, asked):
            room -= 2 * len(key) + len(table) + 32 + len(value or b"")
            if room < 0:
                raise QueryError("overloaded", "the rows are larger than one message may be; ask for fewer")
            rows.append((table, key.decode("latin-1"), value))
        head = {
            "ok": True,
            "position": self._applied(partition, asked.stream),
            "own": {one.name: position.read(one, partition) for one in self._tables.on_events()},
            "rows": [(table, key, None if value is None else len(value)) for table, key, value in rows],
            "index": orjson.Fragment(index),
        }
        return orjson.dumps(head) + b"\n" + b"".join([value for _, _, value in rows if value is not None])

    def _rows(self, partition: int, asked: ReadRows) -> Iterator[tuple[str, bytes, bytes | None]]:
        for name, keys in asked.keys.items():
            for text in keys:
                raw = text.encode("latin-1")
                yield name, raw, self._named[name].get(partition, raw)
        left = asked.limit
        for name, prefixes in asked.prefixes.items():
            for prefix in prefixes:
                found = self._behind(partition, name, prefix.encode("latin-1"), asked.after.encode("latin-1"))
                for key, value in islice(found, left):
                    left -= 1
                    yield name, key, value

    def _walk(self, partition: int, asked: WalkRows) -> bytes:
        table = self._table(asked.table)
        rows = []
        for key, value in islice(self._behind(partition, table.name, b"", asked.after.encode("latin-1")), asked.limit):
            rows.append((key.decode("latin-1"), digest_of(value)))
        offset = table.get(partition, OFFSET_KEY)
        return orjson.dumps(
            {
                "ok": True,
                "rows": rows,
                "at_end": len(rows) < asked.limit,
                "offset": -1 if offset is None else int(offset),
            }
        )

    def _behind(self, partition: int, name: str, prefix: bytes, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows under a prefix behind a key; what tables keep for themselves is left out."""
        start = after + b"\0" if after else None
        for key, value in self._named[name].scan(partition, prefix, start=start):
            if not key.startswith(b"__"):
                yield key, value

    async def _index(self, partition: int, asked: ReadRows) -> bytes:
        if not asked.index:
            return b"null"
        processes = self._tables.processes
        feed = self._tables.index
        if asked.stream != EVENTS:
            feed = None if processes is None else processes.index
        if feed is None:
            raise QueryError("unavailable", "the worker keeps no index")
        if not await feed.reached(partition, asked.min_position, asked.timeout_ms / 1000):
            raise QueryError("not_ready", "the index has not reached the position", position=feed.position(partition))
        try:
            return orjson.dumps(await feed.contents(partition, asked.index))
        except LookupError:
            raise QueryError("unavailable", "the index is being built", partition=partition) from None

    async def _until_applied(self, partition: int, asked: ReadRows) -> None:
        positions = self._positions(asked.stream)
        if not await positions.reached(partition, asked.min_position, asked.timeout_ms / 1000):
            raise QueryError("not_ready", "the position is not applied yet", position=positions.applied(partition))

    def _applied(self, partition: int, stream: str) -> int:
        return self._positions(stream).applied(partition)

    def _positions(self, stream: str) -> AppliedPositions:
        if stream == EVENTS:
            return self._tables.positions
        if self._tables.processes is None:
            raise QueryError("unavailable", "the worker serves no sagas")
        return self._tables.processes.positions

    async def _heal(self, partition: int, asked: HealPerson | HealSaga | HealDay) -> Healed:
        await self._acts.record(_act(partition, asked))
        if isinstance(asked, HealPerson):
            done = await self._healer.person(partition, PersonRows(asked.person_id, asked.timeline_keys))
        elif isinstance(asked, HealSaga):
            done = await self._healer.saga(partition, asked.saga_id)
        else:
            done = await self._healer.day(
                partition, DayCorrection(asked.day, {str(column): counts for column, counts in asked.add.items()})
            )
        whom = asked.model_dump(mode="json", exclude={"why", "add"})
        logger.warning(
            "healed by %s: %s, %s rows written, %s of them were wrong", asked.by, whom, done.rows, done.changed
        )
        return done

    def _table(self, name: str) -> LaneTable:
        table = self._named.get(name)
        if table is None:
            raise QueryError("invalid_query", f"there is no table {name!r}", field="table", rule="known")
        return table

    def _require_owned(self, partition: int) -> None:
        if partition not in self._tables.owned():
            raise QueryError("unavailable", "the partition moved", partition=partition)


def digest_of(value: bytes) -> str:
    """What tells a stored value from any other: 16 hexadecimal digits."""
    return blake2b(value, digest_size=8).hexdigest()


def _act(partition: int, asked: HealPerson | HealSaga | HealDay) -> Act:
    """What is kept of a healing: who wanted it, of whom, and why."""
    if isinstance(asked, HealDay):
        return Act(
            HEAL,
            Place("statistics", EVENTS, f"{partition}-{asked.day}"),
            asked.by,
            asked.why,
            "",
            {str(column): counts for column, counts in asked.add.items()},
        )
    if isinstance(asked, HealSaga):
        return Act(HEAL, Place("sagas", SAGAS, asked.saga_id), asked.by, asked.why, "")
    return Act(HEAL, Place("tables", EVENTS, asked.person_id), asked.by, asked.why, "")


def _told(done: Healed) -> bytes:
    return orjson.dumps({"ok": True, "data": done._asdict()})


def _all_tables(tables: WorkerTables) -> Sequence[LaneTable]:
    others: list[Any] = [tables.outcomes, tables.policies, tables.quarantine]
    if tables.processes is not None:
        others.append(tables.processes.sagas)
    return [*tables.on_events(), *(one.table for one in others)]
