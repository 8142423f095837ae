"""Everything that is verified in one partition, one kind of check after the other, in bounded memory."""

from __future__ import annotations

import contextlib
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from bridge import read
from bridge.routes import IngressRoute
from bridge.scan import count_messages
from config import streams, topics
from config.generations import tokens_of
from config.settings import Settings
from domain.ids import is_person_id, is_uuid
from domain.partitions import partition_of
from domain.sagas.saga_events import sagas_of_partition_filter
from domain.subjects import partition_filter, person_filter
from domain.views.statistics import DayStatistics
from ops.installation import routes_of
from ops.verify.carried import Carriage, acknowledged
from ops.verify.changelogs import compare_changelog, phantom
from ops.verify.findings import Finding, Tally
from ops.verify.newer import NewerEvents
from ops.verify.owners import Owners, TooLargeError
from ops.verify.pace import Pace
from ops.verify.persons import FOLD, STATISTICS, History, compare_persons, groups
from ops.verify.reading import Stored, stored_messages
from ops.verify.sagas import SagaHistory, compare_sagas
from queries.inspection_requests import MOST_ROWS
from tables import quarantine
from tables.quarantine import QuarantineRow

EVENTS_AT_ONCE = 40_000
"""Events that are held at a time. A partition with more is gone through several times, for some of its persons each."""
ROWS_AT_ONCE = 500

CHECKS = ("tables", "index", "statistics", "sagas", "outcomes", "quarantine", "changelog", "ingress")
"""What can be chosen. The stream itself, its versions and duplicates, is checked with the tables."""


@dataclass
class Known:
    """What the first pass over the events of a partition tells of all of them."""

    carried: Carriage = field(default_factory=Carriage)
    persons: set[bytes] = field(default_factory=set)
    """Ids of persons with events, 16 bytes each."""

    def tell(self, stored: Sequence[Stored]) -> None:
        """Note messages."""
        self.carried.tell(stored)
        self.persons.update(UUID(one.subject.rpartition(".")[2]).bytes for one in stored if _is_of_person(one))

    def has(self, person_id: str) -> bool:
        """Whether a person has events."""
        return UUID(person_id).bytes in self.persons


@dataclass(frozen=True)
class Counted:
    """The counts of all days, up to which stream sequence they go, and what is in quarantine of the agents that count, by key."""

    days: Mapping[str, Any] = field(default_factory=dict)
    up_to: int = 0
    quarantined: Mapping[str, QuarantineRow] = field(default_factory=dict)
    whole: bool = True
    """Whether the owner could show all of it."""

    def of(self, person_id: str) -> int:
        """Up to which stream sequence the events of a person are counted."""
        firsts = [row.parked.first - 1 for row in self._rows(person_id) if row.parked is not None]
        return min([self.up_to, *firsts])

    @property
    def waiting(self) -> int:
        """How many persons have events that wait."""
        return len({key.partition(":")[2] for key, row in self.quarantined.items() if row.parked is not None})

    def unsure_days(self, history: History) -> Iterator[str]:
        """The days of a person with discarded or edited events, of which it is not told which event they count."""
        marks = [mark for row in self._rows(history.person_id) for mark in row.discarded]
        if marks:
            copies = [mark.instead.encode() for mark in marks if mark.instead is not None]
            for data in [*(one.data for one in history.stored), *copies]:
                with contextlib.suppress(ValueError, LookupError, TypeError):
                    yield orjson.loads(data)["time"][:10]

    def _rows(self, person_id: str) -> Iterator[QuarantineRow]:
        if self.quarantined:
            yield from filter(None, (self.quarantined.get(f"{agent}:{person_id}") for agent in (FOLD, STATISTICS)))


class PartitionCheck:
    """The checks of one partition."""

    def __init__(self, owners: Owners, settings: Settings, partition: int, checks: frozenset[str], pace: Pace) -> None:
        self.tally = Tally()
        self._owners = owners
        self._settings = settings
        self._partition = partition
        self._checks = checks
        self._pace = pace
        self._topics = topics.own_topics(settings.generation)
        tokens = tokens_of(partition, settings.partitions, settings.stored_partitions)
        self._events_filters = [partition_filter(token) for token in tokens]
        self._sagas_filters = [sagas_of_partition_filter(token) for token in tokens]
        self._known = Known()
        self._days: defaultdict[str, DayStatistics] = defaultdict(DayStatistics)
        self._counted = Counted()
        self._unsure_days: set[str] = set()
        """Days of persons whose events operators took out of the way: nobody knows their counts."""

    async def run(self) -> Tally:
        """Check what is to be checked; raises ClientError, QueryFailed and errors of the servers when that cannot be done."""
        self._counted = await self._statistics_rows()
        last = await self._last(streams.EVENTS, self._events_filters)
        await self._persons(last)
        if "statistics" in self._checks:
            self._statistics()
        if self._checks & {"sagas", "ingress"}:
            await self._sagas()
        if "outcomes" in self._checks:
            await self._outcomes()
        if "quarantine" in self._checks:
            await self._quarantine()
        if "changelog" in self._checks:
            await self._changelogs(last)
        if "ingress" in self._checks:
            await self._ingress(streams.EVENTS, self._topics.events, self._known.carried)
        return self.tally

    async def _persons(self, last: int) -> None:
        newer = NewerEvents(self._owners.nc, self._events_filters, last)
        waiting = await count_messages(self._owners.nc, streams.EVENTS, self._events_filters)
        slices = waiting // EVENTS_AT_ONCE + 1
        for number in range(slices):
            histories: dict[str, History] = {}
            async for read_back in stored_messages(self._owners.nc, streams.EVENTS, self._events_filters, last=last):
                await self._pace.take(len(read_back))
                some = self._own(read_back, person_token=-1)
                if number == 0:
                    self._known.tell(some)
                for one in some:
                    person_id = one.subject.rpartition(".")[2]
                    if not is_person_id(person_id):
                        self.tally.add([self._stray(one)])
                    elif slices == 1 or zlib.crc32(person_id.encode()) % slices == number:
                        if person_id not in histories:
                            histories[person_id] = History(person_id, self._partition)
                        histories[person_id].stored.append(one)
            await self._compare(newer, list(histories.values()))

    async def _last(self, stream: str, filters: Sequence[str]) -> int:
        found = [await read.last_message(self._owners.nc, stream, one) for one in filters]
        return max(0 if newest is None else newest.stream_sequence for newest in found)

    def _own(self, stored: Sequence[Stored], *, person_token: int) -> Sequence[Stored]:
        """Those of this partition, where the subjects of the streams were partitioned by another number than the tables."""
        partitions = self._settings.partitions
        if partitions == self._settings.stored_partitions:
            return stored
        own = self._partition
        return [one for one in stored if partition_of(one.subject.split(".")[person_token], partitions) == own]

    async def _compare(self, newer: NewerEvents, histories: Sequence[History]) -> None:
        self.tally.persons += len(histories)
        for group in groups(histories):
            for history in group:
                self.tally.events += len(history.stored)
                for day, counts in history.tell(self._counted.of(history.person_id)).days.items():
                    self._days[day].merge(counts)
                self._unsure_days.update(self._counted.unsure_days(history))
            await self._pace.take(len(group))
            if self._checks & {"tables", "index"}:
                await compare_persons(self._owners, newer, group, self.tally, index="index" in self._checks)
            for history in group:
                history.forget()

    async def _statistics_rows(self) -> Counted:
        """What the owner counts now, at one moment with what it does not."""
        prefixes = {"statistics": [""], "quarantine": [f"{FOLD}:", f"{STATISTICS}:"]}
        try:
            moment = await self._owners.rows(self._partition, prefixes=prefixes)
        except TooLargeError:
            return Counted(whole=False)
        if sum(len(rows) for rows in moment.rows.values()) >= MOST_ROWS:
            return Counted(whole=False)
        days = {key: orjson.loads(value or b"null") for key, value in moment.rows.get("statistics", {}).items()}
        rows = {key: quarantine.decode(value) for key, value in moment.rows.get("quarantine", {}).items() if value}
        # The table's own place stays behind an event that was parked and is counted since its redrive; the place of the partition covers that.
        return Counted(days, max(moment.own["statistics"], moment.position), rows)

    def _statistics(self) -> None:
        if not self._counted.whole:
            self.tally.left_out["partitions with more in quarantine than one look shows, for their statistics"] += 1
            return
        held = self._counted.days
        if self._counted.waiting:
            self.tally.left_out["persons whose waiting events no day counts yet"] += self._counted.waiting
        unsure = self._unsure_days & {*held, *self._days}
        if unsure:
            self.tally.left_out["days of statistics with discarded or edited events"] += len(unsure)
        for day in sorted({*held, *self._days} - unsure):
            expected: Mapping[str, Any] = self._days[day].row()
            found = held.get(day) or {}
            add: dict[str, dict[str, int]] = {}
            for column, counts in expected.items():
                has = found.get(column) or {}
                differences = {name: counts.get(name, 0) - has.get(name, 0) for name in {**counts, **has}}
                if lacking := {name: many for name, many in differences.items() if many}:
                    add[column] = lacking
            self.tally.rows += 1
            for column in add:
                heal = {"act": "heal_day", "day": day, "add": add}
                finding = Finding(
                    "statistics",
                    self._partition,
                    "statistics",
                    day,
                    column,
                    "differs",
                    expected[column],
                    found.get(column),
                    heal,
                )
                self.tally.add([finding])

    async def _sagas(self) -> None:
        nc, subjects = self._owners.nc, self._sagas_filters
        last = await self._last(streams.SAGAS, subjects)
        carried = Carriage()
        histories: dict[str, SagaHistory] = {}
        async for read_back in stored_messages(nc, streams.SAGAS, subjects, last=last):
            await self._pace.take(len(read_back))
            some = self._own(read_back, person_token=-2)
            carried.tell(some)
            for one in some:
                saga_id = one.subject.rpartition(".")[2]
                if is_uuid(saga_id):
                    histories.setdefault(saga_id, SagaHistory(saga_id, self._partition)).tell(one)
        if "sagas" in self._checks:
            await compare_sagas(self._owners, list(histories.values()), self.tally, index="index" in self._checks)
        if "ingress" in self._checks:
            await self._ingress(streams.SAGAS, self._topics.sagas, carried)

    async def _outcomes(self) -> None:
        """What was told as accepted is stored: the events of an outcome are where it says."""
        async for rows in self._all("outcomes"):
            for key, value in rows:
                outcome = orjson.loads(value).get("outcome", {})
                position = outcome.get("position")
                if outcome.get("status") != "accepted" or position is None or outcome.get("target") is not None:
                    continue
                if position["partition"] != self._partition or not outcome.get("events"):
                    continue
                sequence = int(position["stream_sequence"])
                if not self._known.carried.holds(sequence) and await self._is_absent(sequence):
                    what = f"was accepted, and the stream holds nothing at {sequence}"
                    self.tally.add([Finding("outcomes", self._partition, "outcomes", key, "position", what)])

    async def _is_absent(self, sequence: int) -> bool:
        return await read.message_at(self._owners.nc, streams.EVENTS, sequence) is None

    async def _quarantine(self) -> None:
        """Whoever is parked is parked at an event of its own."""
        async for rows in self._all("quarantine"):
            for key, value in rows:
                parked = quarantine.decode(value).parked
                person_id = key.partition(":")[2]
                if parked is None:
                    continue
                message = await read.message_at(self._owners.nc, streams.EVENTS, parked.first)
                if message is None or message.subject.rpartition(".")[2] != person_id or parked.last < parked.first:
                    what = "waits at an event that is not one of the person"
                    self.tally.add(
                        [Finding("quarantine", self._partition, "quarantine", key, "first", what, None, parked.first)]
                    )

    async def _all(self, table: str) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
        after = ""
        while True:
            moment = await self._owners.rows(self._partition, prefixes={table: [""]}, after=after, limit=ROWS_AT_ONCE)
            rows = [(key, value) for key, value in moment.rows.get(table, {}).items() if value is not None]
            await self._pace.take(len(rows))
            self.tally.rows += len(rows)
            yield rows
            if len(rows) < ROWS_AT_ONCE:
                return
            after = rows[-1][0]

    async def _changelogs(self, last: int) -> None:
        for table in topics.TABLES:
            strangers = _Strangers(table, self._known, last)
            await compare_changelog(
                self._owners,
                self._settings.kafka,
                self._settings.app_id,
                table,
                self._partition,
                self.tally,
                self._pace,
                strangers.see,
            )
            for key in strangers.keys:
                if not await self._is_new(table, key):
                    self.tally.add(phantom(table, self._partition, key, "belongs to no event"))

    async def _is_new(self, table: str, key: str) -> bool:
        """Whether a row that the first pass does not explain is of an event that came later."""
        nc = self._owners.nc
        if table == "timeline" and key.startswith("c:"):
            return await read.message_at(nc, streams.EVENTS, int(key.rpartition(":")[2])) is not None
        person_id = key.partition(":")[0]
        return (
            is_person_id(person_id)
            and await read.first_message(nc, streams.EVENTS, person_filter(person_id)) is not None
        )

    async def _ingress(self, stream: str, topic: str, carried: Carriage) -> None:
        for route in routes_of(self._settings):
            if isinstance(route, IngressRoute) and route.target.topic == topic and route.per_partition:
                late = await acknowledged(
                    self._owners.nc, stream, route.consumer(self._partition), self._partition, carried.last
                )
                self.tally.add(late)
                if not late:
                    await carried.compare(self._settings.kafka, stream, topic, self._partition, self.tally, self._pace)

    def _stray(self, stored: Stored) -> Finding:
        what = f"at {stored.stream_sequence}: its subject names no person"
        return Finding("stream", self._partition, streams.EVENTS, "nobody", "subject", what)


class _Strangers:
    """Keys of a table that no event of the first pass explains."""

    def __init__(self, table: str, known: Known, last: int) -> None:
        self.keys: list[str] = []
        self._table = table
        self._known = known
        self._last = last

    def see(self, key: str) -> None:
        """Look at a key that the owner has."""
        if self._table in ("outcomes", "policies", "quarantine", "sagas", "statistics"):
            return
        if self._table == "timeline" and key.startswith("c:"):
            sequence = key.rpartition(":")[2]
            explained = sequence.isdigit() and self._known.carried.holds(int(sequence))
        else:
            person_id = key.partition(":")[0]
            explained = is_person_id(person_id) and self._known.has(person_id)
        if not explained:
            self.keys.append(key)


def _is_of_person(stored: Stored) -> bool:
    return is_person_id(stored.subject.rpartition(".")[2])
