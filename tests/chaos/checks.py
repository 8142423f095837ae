"""Compares everything that the system shows with what the sender knows and with an independent fold of JetStream.

It keeps what it has read; a check of a round looks at what the round touched, the last check at everything."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from config import streams, topics
from config.settings import Settings
from domain.ids import derive
from domain.person import Person, dump_state, load_state
from ops.client import ClientError, PersonClient, QueryFailed
from ops.model_rows import CHANGED_BY, statistics_of
from ops.verification import Folded, Verification, compare_persons
from tables import statistics, timeline
from tests.chaos.findings import Findings
from tests.chaos.ledger import Entry
from tests.chaos.logs import StreamReader, TopicReader
from tests.chaos.sender import Sender
from tests.chaos.truth import Recorded, Truth

CONCURRENT = 16
BOOKKEEPING = b"__"
CORRELATIONS = b"c:"


class Checks:
    """Holds what was read so far from JetStream, Kafka and the changelogs."""

    def __init__(self, settings: Settings) -> None:
        self.truth = Truth()
        self.letters: list[str] = []
        self.offsets: dict[str, tuple[int, int]] = {}
        """Partition and offset of the first occurrence of each event in Kafka."""
        self.carried_again = 0
        self._partitions = settings.partitions
        self._prefix = settings.app_id
        self._letters = StreamReader(streams.DEAD_LETTERS)
        self._events = TopicReader({topics.EVENTS: settings.partitions})
        self._changelogs = TopicReader(
            {f"{settings.app_id}-{table}-changelog": settings.partitions for table in topics.TABLES}
        )
        self._rows: dict[str, dict[bytes, bytes]] = {table: {} for table in topics.TABLES}
        self._last_in_kafka: dict[str, int] = {}

    async def check(
        self,
        client: PersonClient,
        bootstrap: str,
        sender: Sender,
        entries: Iterable[Entry],
        *,
        asked: Collection[Entry],
        everything: bool,
    ) -> Findings:
        """Read on and compare: what is new since the last check, and with `everything` all that was ever stored.

        The outcomes of `entries` are compared with rows and events, those of `asked` with what get_outcome tells, too.
        """
        findings = Findings()
        checked = list(entries)
        known = {entry.command_id for entry in sender.entries}
        touched = await self.truth.read(client.nc)
        persons = self.truth.folded.keys() if everything else touched
        await self._check_dead_letters(client, findings)
        await self._check_kafka(bootstrap, findings)
        await self._check_outcomes(sender, asked, findings)
        await self._read_changelogs(bootstrap)
        self._check_effects(checked, known, findings)
        self._check_outcome_rows(checked, known, findings)
        self._check_rows(persons, findings)
        await self._check_queries(client, persons, findings)
        return findings

    async def _check_dead_letters(self, client: PersonClient, findings: Findings) -> None:
        for message in await self._letters.read(client.nc):
            findings.add("divergent", message.subject, f"a dead letter: {dict(message.headers)}")

    async def _check_kafka(self, bootstrap: str, findings: Findings) -> None:
        """First occurrences of the events of a person come as 1, 2, 3 with the bytes of JetStream; nothing else is there."""
        for record in await self._events.read(bootstrap):
            event_id = orjson.loads(record.value)["id"]
            if event_id in self.offsets:
                self.carried_again += 1
                continue
            if event_id not in self.truth.stored:
                findings.add(
                    "duplicated", event_id, f"{record.topic}[{record.partition}] {record.offset}: no such event"
                )
                continue
            self.offsets[event_id] = record.partition, record.offset
            person_id, sequence, data = self.truth.stored[event_id]
            before = self._last_in_kafka.get(person_id, 0)
            if sequence != before + 1:
                findings.add(
                    "out_of_order", person_id, f"{record.topic} offset {record.offset}: {sequence} follows {before}"
                )
            self._last_in_kafka[person_id] = max(before, sequence)
            if record.value != data or record.key != person_id.encode():
                findings.add(
                    "divergent", person_id, f"{record.topic} offset {record.offset}: not the bytes of JetStream"
                )
        for event_id in self.truth.stored.keys() - self.offsets.keys():
            findings.add("lost", self.truth.stored[event_id][0], f"event {event_id} is not in Kafka")

    async def _check_outcomes(self, sender: Sender, entries: Collection[Entry], findings: Findings) -> None:
        """Every acknowledged command has one outcome, the same for everybody who asks at any time."""
        slots = asyncio.Semaphore(CONCURRENT)

        async def ask(entry: Entry) -> None:
            if entry.acknowledged_at is None:
                findings.add("lost", entry.command_id, "was never acknowledged although everything is well again")
                return
            async with slots:
                try:
                    recorded = await sender.recorded(entry)
                except (QueryFailed, ClientError) as error:
                    code = error.code if isinstance(error, QueryFailed) else type(error).__name__
                    findings.add("lost", entry.command_id, f"acknowledged, and get_outcome says {code}")
                    return
            if entry.outcome is None:
                entry.answer(recorded, sender.now)
            elif recorded != entry.outcome:
                findings.add("divergent", entry.command_id, f"announced {entry.outcome}, recorded {recorded}")
            for other in entry.contradictions:
                findings.add("divergent", entry.command_id, f"announced {entry.outcome} and also {other}")

        await asyncio.gather(*(ask(entry) for entry in entries))

    def _check_effects(self, entries: Iterable[Entry], known: Collection[str], findings: Findings) -> None:
        """Accepted: the events of the outcome, under derived ids, each once. Refused: none."""
        for entry in entries:
            if entry.outcome is None:
                continue
            stored = self.truth.by_command.get(entry.command_id, [])
            if entry.outcome["status"] == "refused":
                if stored:
                    findings.add("duplicated", entry.command_id, f"refused, and has {len(stored)} events")
                continue
            expected = [Recorded(event["id"], event["type"], event["sequence"], 0) for event in entry.outcome["events"]]
            found = [one._replace(stream_sequence=0) for one in stored]
            if len(found) < len(expected):
                findings.add("lost", entry.command_id, f"accepted with {len(expected)} events, {len(found)} are stored")
            elif len(found) > len(expected):
                findings.add("duplicated", entry.command_id, f"{len(found)} events for {len(expected)}")
            elif found != expected or [one.event_id for one in found] != [
                derive(entry.command_id, str(index)) for index in range(len(found))
            ]:
                findings.add("divergent", entry.command_id, f"stored {found}, told {expected}")
            elif found and entry.outcome["position"]["stream_sequence"] != stored[-1].stream_sequence:
                findings.add("divergent", entry.command_id, "the outcome tells another position")
        for command_id in self.truth.by_command.keys() - set(known):
            findings.add("duplicated", command_id, "events of a command that nobody sent")

    async def _read_changelogs(self, bootstrap: str) -> None:
        for record in await self._changelogs.read(bootstrap):
            table = record.topic.removeprefix(f"{self._prefix}-").removesuffix("-changelog")
            if record.key.startswith(BOOKKEEPING):
                continue
            # A day has a row in each partition; all other keys are of one.
            key = b"%d:%b" % (record.partition, record.key) if table == statistics.NAME else record.key
            if record.value is None:
                self._rows[table].pop(key, None)
            else:
                self._rows[table][key] = record.value

    def _check_outcome_rows(self, entries: Iterable[Entry], known: Collection[str], findings: Findings) -> None:
        rows = self._rows["outcomes"]
        for entry in entries:
            row = rows.get(entry.command_id.encode())
            if row is None:
                if entry.acknowledged_at is not None:
                    findings.add(
                        "lost", entry.command_id, "acknowledged, and table outcomes has no row in its changelog"
                    )
            elif entry.outcome is not None and orjson.loads(row)["outcome"] != entry.outcome:
                findings.add("divergent", entry.command_id, "the changelog of outcomes holds another outcome")
        for key in rows.keys() - {command_id.encode() for command_id in known}:
            findings.add("duplicated", key.decode(), "a row of outcomes for a command that nobody sent")

    def _check_rows(self, person_ids: Iterable[str], findings: Findings) -> None:
        """What a recovery would build from the changelogs is the fold of JetStream, row by row, and no row more."""
        by_person: defaultdict[str, int] = defaultdict(int)
        for key in self._rows["timeline"]:
            if not key.startswith(CORRELATIONS):
                by_person[key.decode().partition(":")[0]] += 1
        for person_id in person_ids:
            one = self.truth.folded[person_id]
            self._check_row(findings, "persons", person_id, _persons_row(one), _decoded_persons_row)
            for model in CHANGED_BY:
                self._check_row(findings, model, person_id, one.models.row(model), orjson.loads)
            entries = one.models.entries()
            for entry in entries:
                row_key = timeline.key(person_id, entry["sequence"], entry["part"]).decode()
                self._check_row(findings, "timeline", row_key, entry, orjson.loads)
                place = timeline.correlation_key(entry["correlation_id"], entry["position"]["stream_sequence"])
                if place not in self._rows["timeline"]:
                    findings.add("lost", person_id, f"no row leads from the correlation to event {entry['sequence']}")
            if by_person[person_id] > len(entries):
                findings.add(
                    "duplicated", person_id, f"{by_person[person_id]} rows of timeline, {len(entries)} entries"
                )
        for key in self._rows["quarantine"]:
            findings.add("divergent", key.decode(), "is in quarantine")
        for table in ("persons", *CHANGED_BY):
            for key in self._rows[table].keys() - {person_id.encode() for person_id in self.truth.folded}:
                findings.add("duplicated", key.decode(), f"a row of {table} for a person without events")
        self._check_statistics(findings)

    def _check_statistics(self, findings: Findings) -> None:
        expected = statistics_of(one.models for one in self.truth.folded.values())
        rows = self._rows[statistics.NAME]
        for (partition, day), counts in expected.items():
            row = orjson.loads(rows.get(b"%d:%b" % (partition, day.encode()), b"{}"))
            found = {name: row.get(name) for name in counts}
            if found != counts:
                where = f"partition {partition}, {day}"
                findings.add("divergent", where, f"the changelog of statistics differs: {_difference(found, counts)}")
        if len(rows) > len(expected):
            findings.add("duplicated", "statistics", f"{len(rows)} rows for {len(expected)} days")

    def _check_row(self, findings: Findings, table: str, key: str, expected: Any, decode: Any) -> None:
        row = self._rows[table].get(key.encode())
        if expected is None:
            if row is not None:
                findings.add("divergent", key, f"the changelog of {table} has a row, and there is nothing to show")
        elif row is None:
            findings.add("lost", key, f"the changelog of {table} has no row")
        elif (found := decode(row)) != expected:
            findings.add("divergent", key, f"the changelog of {table} differs: {_difference(found, expected)}")

    async def _check_queries(self, client: PersonClient, person_ids: Iterable[str], findings: Findings) -> None:
        compared = Verification()
        await compare_persons(client, [self.truth.folded[person_id] for person_id in person_ids], compared)
        inner = self.truth.faults_found
        for told in (*compared.differences, *inner.differences):
            person_id, _, text = told.partition(": ")
            findings.add("divergent", person_id, f"asked: {text}")
        for _ in range(compared.lost):
            findings.add("lost", "tables", "an event without effect in a table, see the differences")
        for _ in range(compared.duplicated + inner.duplicated):
            findings.add("duplicated", "tables", "an event that is stored or shown twice")
        inner.differences.clear()
        inner.duplicated = 0


def _persons_row(one: Folded) -> tuple[Person, int, Mapping[str, int]]:
    position = {"partition": one.partition, "stream_sequence": one.stream_sequence}
    return load_state(dump_state(one.person)), one.person.version, position


def _decoded_persons_row(row: bytes) -> tuple[Person, int, Mapping[str, int]]:
    found = orjson.loads(row)
    return load_state(orjson.dumps(found["person"])), found["sequence"], found["position"]


def _difference(found: Any, expected: Any) -> str:
    if isinstance(found, dict) and isinstance(expected, dict):
        names = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
        return ", ".join(f"{name} {found.get(name)!r} instead of {expected.get(name)!r}" for name in names)
    return f"{found[1:]} instead of {expected[1:]}"
