"""Compares the rows that tables and index have of some persons with what their events tell, at equal positions.

Guarantee: a difference is told only when it is there still after the person was looked at several times: what a lane is just about to write
is none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from agents.healing import AGENTS_OF_ROWS
from domain.person import load_state
from ops.model_rows import CHANGED_BY
from ops.verify.findings import Finding, Tally
from ops.verify.newer import NewerEvents
from ops.verify.owners import Moment, Owners, TooLargeError
from ops.verify.reading import Stored
from ops.verify.retelling import Retold, Row, retold
from queries.index.database import SOURCES, IndexDatabase
from tables import quarantine

TABLES = "tables"
INDEX = "index"
MISSING = "is missing"
PHANTOM = "must not be there"
DIFFERS = "differs"

GROUP_PERSONS = 50
GROUP_EVENTS = 1500
LOOKS = 4
"""How often a person is looked at before a difference counts."""
BETWEEN_LOOKS_S = 0.4
MODELS = ("persons", *CHANGED_BY)
STATISTICS = "project_statistics"
FOLD = AGENTS_OF_ROWS[0]
TIMELINE = "project_timeline"


@dataclass
class Quarantined:
    """What is in quarantine of a person, by agent: where it is parked, and which events were discarded or edited."""

    parked: dict[str, int] = field(default_factory=dict)
    taken_out: dict[str, dict[int, str | None]] = field(default_factory=dict)
    """Edited copies by stream sequence, None for an event that was discarded."""

    @property
    def copies(self) -> Mapping[int, str]:
        """What counts in the place of stored events; the same for all agents, unless `incomparable` says otherwise."""
        return {sequence: copy for sequence, copy in self.taken_out.get(FOLD, {}).items() if copy is not None}

    @property
    def incomparable(self) -> str | None:
        """Why the rows of the person are no fold of one history, None when they are."""
        marks = [self.taken_out.get(agent, {}) for agent in (*AGENTS_OF_ROWS, STATISTICS)]
        if any(copy is None for of_agent in marks for copy in of_agent.values()):
            return "persons with discarded events"
        others = {agent: found for agent, found in self.taken_out.items() if agent not in (FOLD, TIMELINE)}
        if any(others.values()) or self.taken_out.get(FOLD, {}) != self.taken_out.get(TIMELINE, {}):
            return "persons with edited events that only some agents have taken"
        return None


class History:
    """The stored events of one person, and the person as far as they are folded."""

    def __init__(self, person_id: str, partition: int) -> None:
        self.person_id = person_id
        self.partition = partition
        self.stored: list[Stored] = []
        self.told = Retold(person_id, partition)
        self.quarantined = Quarantined()

    @property
    def last(self) -> int:
        """The stream sequence of the last event that was read."""
        return self.stored[-1].stream_sequence if self.stored else 0

    def tell(self, until: int) -> Retold:
        """The person behind the events up to a stream sequence, which is never below the one before."""
        for one in self.stored:
            if one.stream_sequence <= until:
                self.told.tell(one)
        return self.told

    def forget(self) -> None:
        """Let go of what was folded: the person is compared."""
        self.stored = []
        self.told = Retold(self.person_id, self.partition)


def groups(histories: Sequence[History]) -> Iterator[Sequence[History]]:
    """Persons whose rows are asked for together."""
    group: list[History] = []
    events = 0
    for one in histories:
        if group and (len(group) == GROUP_PERSONS or events + len(one.stored) > GROUP_EVENTS):
            yield group
            group, events = [], 0
        group.append(one)
        events += len(one.stored)
    if group:
        yield group


async def compare_persons(
    owners: Owners, newer: NewerEvents, histories: Sequence[History], tally: Tally, *, index: bool
) -> None:
    """Compare some persons of one partition; what differs for good is added to `tally`."""
    looked = await _look(owners, newer, histories, tally, index=index)
    for history in histories:
        if FOLD not in history.quarantined.parked and not history.quarantined.taken_out:
            tally.add(history.told.faults)
    for history in [one for one in histories if looked[one.person_id]]:
        found: Sequence[Finding] = ()
        for _ in range(LOOKS - 1):
            await asyncio.sleep(BETWEEN_LOOKS_S)
            found = (await _look(owners, newer, [history], None, index=index))[history.person_id]
            if not found:
                break
        tally.add(found)


async def _look(
    owners: Owners, newer: NewerEvents, histories: Sequence[History], tally: Tally | None, *, index: bool
) -> dict[str, Sequence[Finding]]:
    try:
        moment = await _moment(owners, histories, index=index)
    except TooLargeError:
        if len(histories) > 1:
            middle = len(histories) // 2
            return {
                **await _look(owners, newer, histories[:middle], tally, index=index),
                **await _look(owners, newer, histories[middle:], tally, index=index),
            }
        moment = await _moment_of_large(owners, histories[0], index=index)
    found: dict[str, Sequence[Finding]] = {}
    indexed: list[tuple[Retold, Mapping[str, Row | None]]] = []
    for one in histories:
        told, until = await _told(newer, one, moment)
        held = one.quarantined = _quarantined(moment, one.person_id)
        if held.incomparable is not None:
            found[one.person_id] = ()
            if tally is not None:
                tally.left_out[held.incomparable] += 1
            continue
        limit = held.parked.get(FOLD)
        if limit is not None or held.copies:
            until = until if limit is None else limit - 1
            told = retold(one.person_id, one.partition, one.stored, until=until, copies=held.copies)
        if limit is None and told.broken:
            # The events are at fault, not the rows.
            found[one.person_id] = ()
            continue
        rows = told.rows()
        left_out = [agent for agent, first in held.parked.items() if limit is None or first < limit]
        differences = list(_differences(told, rows, moment, left_out))
        if tally is not None:
            if limit is not None:
                waiting = sum(stored.stream_sequence >= limit for stored in one.stored)
                tally.left_out[f"events that wait in quarantine of {FOLD}"] += waiting
            tally.rows += sum(row is not None for row in rows.values()) + len(told.timeline()) + len(told.places())
            tally.left_out.update(f"rows of persons in quarantine of {agent}" for agent in left_out)
        found[one.person_id] = differences
        if index and not held.parked:
            indexed.append((told, rows))
    if index:
        for whom, differences in _index_differences(indexed, moment):
            found[whom] = [*found[whom], *differences]
    return found


async def _moment(owners: Owners, histories: Sequence[History], *, index: bool) -> Moment:
    return await owners.rows(histories[0].partition, **_asked(histories, index=index, timeline=True))


def _asked(histories: Sequence[History], *, index: bool, timeline: bool) -> dict[str, Any]:
    ids = [one.person_id for one in histories]
    agents = (*AGENTS_OF_ROWS, STATISTICS)
    keys: dict[str, list[str]] = dict.fromkeys(MODELS, ids)
    keys["quarantine"] = [quarantine.key(agent, one).decode() for one in ids for agent in agents]
    asked: dict[str, Any] = {
        "keys": keys,
        "min_position": max(one.last for one in histories),
        "timeout_ms": 10_000,
    }
    if timeline:
        keys["timeline"] = [key for one in histories for key in _places(one)]
        asked["prefixes"] = {"timeline": [f"{one}:" for one in ids]}
    if index:
        asked["index"] = ids
    return asked


def _places(history: History) -> Sequence[str]:
    copies = history.quarantined.copies
    told = history.tell(history.last)
    # Which events are edited is known from the second look on.
    told = retold(history.person_id, history.partition, history.stored, copies=copies) if copies else told
    return list(told.places())


async def _moment_of_large(owners: Owners, history: History, *, index: bool) -> Moment:
    """The rows of a person whose timeline does not fit one message: entries stay as they are, so they may be read by and by."""
    moment = await owners.rows(history.partition, **_asked([history], index=index, timeline=False))
    entries: dict[str, bytes | None] = {}
    after = ""
    while True:
        part = await owners.rows(
            history.partition, prefixes={"timeline": [f"{history.person_id}:"]}, after=after, limit=500
        )
        some = part.rows.get("timeline", {})
        entries |= some
        if len(some) < 500:
            break
        after = max(some)
    places = _places(history)
    for start in range(0, len(places), 2000):
        part = await owners.rows(history.partition, keys={"timeline": places[start : start + 2000]})
        entries |= part.rows["timeline"]
    moment.rows["timeline"] = entries
    return moment


async def _told(newer: NewerEvents, history: History, moment: Moment) -> tuple[Retold, int]:
    """The person as far as its rows are, and up to where that is: behind what was read of the stream before, if it has moved since."""
    row = _decoded(moment.rows["persons"].get(history.person_id))
    reached = moment.position
    if isinstance(row, dict):
        reached = max(reached, _position(row))
    last = history.last
    history.stored += [one for one in await newer.of(history.person_id, reached) if one.stream_sequence > last]
    known = {one.stream_sequence for one in history.stored}
    # A row may be ahead of what the partition tells, by the cycle that is being told just now; never of the stream.
    until = max(moment.position, _position(row) if isinstance(row, dict) and _position(row) in known else 0)
    return history.tell(until), until


def _quarantined(moment: Moment, person_id: str) -> Quarantined:
    held = Quarantined()
    for key, value in moment.rows["quarantine"].items():
        agent, _, whom = key.partition(":")
        if value is None or whom != person_id:
            continue
        row = quarantine.decode(value)
        if row.discarded:
            held.taken_out[agent] = {mark.stream_sequence: mark.instead for mark in row.discarded}
        if row.parked is not None:
            held.parked[agent] = row.parked.first
    return held


def _differences(
    told: Retold, rows: Mapping[str, Row | None], moment: Moment, left_out: Sequence[str]
) -> Iterator[Finding]:
    for table in MODELS:
        agent = FOLD if table == "persons" else f"project_{table}"
        if agent not in left_out:
            found = _decoded(moment.rows[table].get(told.person_id))
            yield from _of_row(told, table, told.person_id, rows[table], found)
    if "project_timeline" in left_out:
        return
    held = moment.rows.get("timeline", {})
    expected = {**told.timeline(), **told.places()}
    mine = {key for key, value in held.items() if value is not None and key.startswith(f"{told.person_id}:")}
    for key in sorted(expected.keys() | mine):
        yield from _of_row(told, "timeline", key, expected.get(key), _decoded(held.get(key)))


def _of_row(told: Retold, table: str, key: str, expected: Row | None, found: Any) -> Iterator[Finding]:
    heal = {"act": "heal_person", "person_id": told.person_id}

    def finding(name: str, what: str, wanted: Any, has: Any) -> Finding:
        whom = told.person_id if key == told.person_id else f"{told.person_id} {key}"
        return Finding(TABLES, told.partition, table, whom, name, what, wanted, has, heal)

    if expected is None:
        if found is not None:
            yield finding("row", PHANTOM, None, found)
    elif found is None:
        yield finding("row", MISSING, expected, None)
    elif not isinstance(found, dict):
        yield finding("row", "cannot be read", expected, None)
    else:
        for name in {**expected, **found}:
            wanted, has = expected.get(name), found.get(name)
            if wanted != has and not (name == "person" and _same_state(wanted, has)):
                yield from _of_field(finding, name, wanted, has)


def _of_field(finding: Any, name: str, wanted: Any, has: Any) -> Iterator[Finding]:
    """The field that differs; of a state, which of its members."""
    if name == "person" and isinstance(wanted, dict) and isinstance(has, dict):
        for member in {**wanted, **has}:
            if wanted.get(member) != has.get(member):
                yield finding(f"person.{member}", DIFFERS, wanted.get(member), has.get(member))
    else:
        yield finding(name, DIFFERS, wanted, has)


def _same_state(wanted: Any, has: Any) -> bool:
    """Whether two dumps are one state: an earlier release may have left out other members."""
    try:
        return load_state(orjson.dumps(wanted)) == load_state(orjson.dumps(has))
    except Exception:
        return False


def _index_differences(
    indexed: Sequence[tuple[Retold, Mapping[str, Row | None]]], moment: Moment
) -> Iterator[tuple[str, list[Finding]]]:
    if not indexed or moment.index is None:
        return
    ordered = sorted(indexed, key=lambda one: one[0].person_id)
    database = IndexDatabase(Path(":memory:"))
    try:
        tables = {
            name: [
                (told.person_id.encode(), orjson.dumps(row))
                for told, rows in ordered
                if (row := rows[name]) is not None
            ]
            for name in SOURCES
        }
        database.build(tables, lambda: True)
        expected = database.contents([told.person_id for told, _ in ordered])
    finally:
        database.close()
    for told, _ in ordered:
        wanted, has = expected[told.person_id], moment.index.get(told.person_id, {})
        heal = {"act": "heal_person", "person_id": told.person_id}
        differing = [
            name for name in {**wanted, **has} if orjson.dumps(wanted.get(name)) != orjson.dumps(has.get(name))
        ]
        yield (
            told.person_id,
            [
                Finding(
                    INDEX, told.partition, name, told.person_id, "rows", DIFFERS, wanted.get(name), has.get(name), heal
                )
                for name in differing
            ],
        )


def _position(row: Mapping[str, Any]) -> int:
    position = row.get("position")
    sequence = position.get("stream_sequence") if isinstance(position, dict) else None
    return sequence if isinstance(sequence, int) else 0


def _decoded(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value.decode("latin-1")
