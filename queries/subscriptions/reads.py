"""What the owner of a partition tells about the rows of a model: those that match a filter, and what has changed since.

Guarantee: whoever reads all matching rows, or all changes behind a stream sequence, and then goes on from the mark that came with the
first part, misses no change. Changes come in the order of the stream but for persons that were in quarantine."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from agents.fold_persons import FoldPersons
from queries.endpoint import Read
from queries.frame import Query, QueryError
from queries.matching import matches, needs_document, needs_skills
from queries.models import PERSON_MODELS
from queries.subscriptions.messages import FOLLOWED, Change, ChangesSince, Followed, Matching
from queries.tables_of_worker import WorkerTables
from tables.recent_changes import Cycle

SCANNED_AT_ONCE = 1000
"""Rows that one question looks at; the loop of the worker is not held up for longer."""


class NoRequest(Query):
    """Asks for the position of a partition only."""


async def _position(_tables: WorkerTables, _partition: int, _query: NoRequest) -> Any:
    return None


async def _matching(tables: WorkerTables, partition: int, query: Matching) -> Any:
    mark = tables.changes.listen(partition)
    applied = tables.positions.applied(partition)
    look = _committed(tables, partition)
    changes: list[Change] = []
    looked_at, last = 0, query.after
    for row in PERSON_MODELS[query.projection](tables).rows(partition, after=query.after):
        looked_at, last = looked_at + 1, row["person_id"]
        change = _judged(look, query, last, row)
        if change.row is not None:
            changes.append(change)
        if len(changes) == query.limit or looked_at == SCANNED_AT_ONCE:
            return _told(tables, partition, query.projection, changes, mark, applied) | {"after": last}
    return _told(tables, partition, query.projection, changes, mark, applied) | {"after": None}


async def _changes(tables: WorkerTables, partition: int, query: ChangesSince) -> Any:
    tables.changes.listen(partition)
    cycles = None if query.mark is None else tables.changes.since(partition, query.mark)
    if query.mark is not None and cycles is not None and not cycles:
        await tables.changes.moved(partition, query.wait_ms / 1000)
        cycles = tables.changes.since(partition, query.mark)
    if query.mark is None or cycles is None:
        return await _caught_up(tables, partition, query)
    changes: list[Change] = []
    mark, reached = query.mark, query.stream_sequence
    for cycle in cycles:
        changes += _of_cycle(tables, partition, query, cycle)
        mark, reached = cycle.mark, max(reached, cycle.stream_sequence)
        if len(changes) >= query.limit:
            break
    return _told(tables, partition, query.projection, changes, mark, reached)


async def _caught_up(tables: WorkerTables, partition: int, query: ChangesSince) -> Any:
    """Every person whose row is newer than a stream sequence, once, as its row is now; the oldest changes first."""
    mark = tables.changes.listen(partition)
    applied = tables.positions.applied(partition)
    newer = await _newer(tables, partition, query)
    more = len(newer) > query.limit
    changes: list[Change] = []
    look = _committed(tables, partition)
    for stream_sequence, person_id in newer[: query.limit]:
        change = _judged(look, query, person_id, look(query.projection, person_id))
        # Also when only other models have moved: whether the reader has this row is not known here, and its sequence tells the reader.
        changes.append(change._replace(stream_sequence=max(stream_sequence, change.stream_sequence)))
    # A row may have moved since it was found; what lies before it has to be sent before it.
    changes.sort(key=lambda change: change.stream_sequence)
    if more:
        reached = newer[query.limit - 1][0]
        return _told(tables, partition, query.projection, changes, None, reached)
    return _told(tables, partition, query.projection, changes, mark, max(applied, query.stream_sequence))


async def _newer(tables: WorkerTables, partition: int, query: ChangesSince) -> list[tuple[int, str]]:
    """Persons that have moved behind a stream sequence: every event moves the summary, and no summary is ever removed."""
    found: list[tuple[int, str]] = []
    after: str | None = ""
    while after is not None:
        if partition not in tables.owned():
            raise QueryError("unavailable", "the partition moved", partition=partition)
        rows = list(itertools.islice(tables.summary.rows(partition, after=after), SCANNED_AT_ONCE))
        moved = ((row["position"]["stream_sequence"], row["person_id"]) for row in rows)
        found = heapq.nsmallest(query.limit + 1, [*found, *(one for one in moved if one[0] > query.stream_sequence)])
        after = rows[-1]["person_id"] if len(rows) == SCANNED_AT_ONCE else None
        # Nothing is held open meanwhile: the partition may be on its way.
        await asyncio.sleep(0)
    return found


def _of_cycle(tables: WorkerTables, partition: int, query: ChangesSince, cycle: Cycle) -> Iterable[Change]:
    own = cycle.tables[query.projection]
    keys = dict.fromkeys(own)
    for name in _looked_at(query):
        keys |= dict.fromkeys(cycle.tables[name])
    look = _as_of(cycle, _committed(tables, partition))
    changes: list[Change] = []
    for key in keys:
        if key.startswith(b"__"):
            continue
        person_id = key.decode()
        change = _judged(look, query, person_id, look(query.projection, person_id))
        # Rows that the cycle did not write may be newer than it; the change that made them comes with a later cycle.
        written = [row for row in (_staged(cycle, name, key) for name in FOLLOWED) if row is not None]
        sequence = max((row["sequence"] for row in written), default=change.sequence)
        stream_sequence = min(change.stream_sequence, cycle.stream_sequence)
        changes.append(change._replace(sequence=sequence, stream_sequence=stream_sequence, is_own=key in own))
    return sorted(changes, key=lambda change: change.stream_sequence)


def _looked_at(query: Matching | ChangesSince) -> Sequence[Followed]:
    """The models that a filter looks at besides the one that is followed."""
    if not needs_document(query.filter):
        return ()
    return ("search", "skills") if needs_skills(query.filter) else ("search",)


Look = Callable[[str, str], dict[str, Any] | None]
"""The row of a person by model and person id."""


def _committed(tables: WorkerTables, partition: int) -> Look:
    return lambda model, person_id: PERSON_MODELS[model](tables).read(partition, person_id)


def _as_of(cycle: Cycle, committed: Look) -> Look:
    """Rows that a cycle wrote as it wrote them, all others as they are now."""

    def look(model: str, person_id: str) -> dict[str, Any] | None:
        key = person_id.encode()
        return _staged(cycle, model, key) if key in cycle.tables[model] else committed(model, person_id)

    return look


def _staged(cycle: Cycle, model: str, key: bytes) -> dict[str, Any] | None:
    value = cycle.tables[model].get(key)
    return None if value is None else orjson.loads(value)


def _judged(look: Look, query: Matching | ChangesSince, person_id: str, row: dict[str, Any] | None) -> Change:
    """A row, or that it does not match, with the last event that this rests on."""
    rests_on = [row]
    if not needs_document(query.filter):
        is_match = row is not None and row["status"] in query.filter.status
    else:
        document = row if query.projection == "search" else look("search", person_id)
        skills = look("skills", person_id) if needs_skills(query.filter) else None
        rests_on += [document, skills]
        is_match = row is not None and matches(query.filter, document, skills)
    if row is None:
        rests_on.append(look("summary", person_id))
    known = [one for one in rests_on if one is not None]
    sequence = max((one["sequence"] for one in known), default=0)
    stream_sequence = max((one["position"]["stream_sequence"] for one in known), default=0)
    return Change(person_id, row if is_match else None, sequence, stream_sequence)


def _told(
    tables: WorkerTables, partition: int, model: str, changes: Iterable[Change], mark: str | None, reached: int
) -> dict[str, Any]:
    """`reached` is how far the partition is told, `resumable` from where on a later reader misses nothing."""
    return {
        "changes": [list(one) for one in changes],
        "mark": mark,
        "reached": reached,
        "resumable": _resumable(tables, partition, model, reached),
    }


def _resumable(tables: WorkerTables, partition: int, model: str, reached: int) -> int:
    """Rows of persons in quarantine come later with an older place, so a reader must begin before the first of them."""
    waiting = [
        row.parked.first - 1
        for agent in {FoldPersons.name, f"project_{model}", "project_search", "project_skills"}
        if tables.quarantine.concerns(partition, agent)
        for _, _, row in tables.quarantine.rows(partition, agent)
        if row.parked is not None
    ]
    return min([reached, *waiting])


POSITION = Read("position", NoRequest, _position)
MATCHING = Read("matching_rows", Matching, _matching)
CHANGES = Read("changes_since", ChangesSince, _changes)
