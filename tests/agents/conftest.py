"""The agents of the application in lanes of their own: the real streams, tables of their own, records as ingress would carry them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faust
import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from agents.decide_person import DecidePerson
from agents.fold_persons import FoldPersons
from agents.mark_position import MarkPosition
from agents.park_poison import ParkPoison
from agents.policy_counters import PolicyCounters
from agents.project_network import ProjectNetwork
from agents.project_search import ProjectSearch
from agents.project_skills import ProjectSkills
from agents.project_statistics import ProjectStatistics
from agents.project_summary import ProjectSummary
from agents.project_timeline import ProjectTimeline
from agents.project_views import ProjectViews
from agents.quarantine import Quarantine
from agents.reading import EventLog
from agents.redrive import Redriver, Repeat
from agents.rule_book import RuleBook
from agents.vetoes import Vetoes
from bridge import read
from bridge.append import EntityAppend, EventMessage, append
from bridge.dead_letters import DeadLetters
from bridge.headers import coordinates
from bridge.jetstream import Delivery
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config import streams, topics
from config.settings import Settings
from domain.commands import read_command
from domain.decide import decide
from domain.events import Event, write_event
from domain.evolve import apply
from domain.partitions import partition_of
from domain.person import Person
from domain.subjects import event_subject, person_filter
from domain.views.chain import Chain
from lanes.agent import Batch, LaneAgent
from lanes.fenced_producer import FencedProducer
from lanes.lane import Lane, LanePosition
from lanes.ownership import Ownership
from lanes.producer import OutgoingBatch, OutgoingRecord
from lanes.record import Record
from lanes.table import LaneTable
from lanes.table_memory import TableMemory
from local.stack import Endpoints
from ops.client import REPLY_TO, CommandMessage
from ops.model_rows import PersonModels, statistics_of
from queries.tables_of_worker import WorkerTables
from tables.network import NetworkTable
from tables.outcomes import OutcomesTable
from tables.persons import PersonsTable
from tables.policies import PoliciesTable
from tables.position import AppliedPositions
from tables.quarantine import Parked, QuarantineTable
from tables.rendered import RenderedTable
from tables.search import SearchTable
from tables.skills import SkillsTable
from tables.statistics import StatisticsTable
from tables.summary import SummaryTable
from tables.timeline import TimelineTable
from tables.views import ViewsTable

PARTITIONS = 8
P = 3
"""The partition of every person of these tests, unless a test says otherwise."""


class Persons:
    """Persons of partition P in the real event stream, written there without any worker."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc

    @staticmethod
    def new() -> str:
        """The id of a person that nobody knows yet."""
        while partition_of(person_id := str(uuid.uuid4()), PARTITIONS) != P:
            pass
        return person_id

    @staticmethod
    def create(person_id: str, name: str, command_id: str | None = None) -> CommandMessage:
        """A command that creates a person."""
        data = {"name": {"given_names": [name]}, "source": "tests"}
        return CommandMessage("person.commands.create", data, person_id, id=command_id)

    @staticmethod
    def rename(person_id: str, name: str, command_id: str | None = None, expected: int | None = None) -> CommandMessage:
        """A command that changes the name of a person."""
        data = {"name": {"given_names": [name]}}
        return CommandMessage("person.commands.update", data, person_id, id=command_id, expected_version=expected)

    async def append(self, person_id: str, *names: str) -> list[Event]:
        """Decide and append: creation under the first name, or one change of name per name."""
        person, last = Person.new(person_id), 0
        async for event, position in EventLog(self.nc).events(person_id):
            person, last = apply(person, event), position
        events: list[Event] = []
        for name in names:
            message = self.rename(person_id, name) if person.exists else self.create(person_id, name)
            now = datetime.now(UTC)
            command = read_command(orjson.dumps(message.envelope()), subject=message.type, stored_at=now)
            for event in decide(command, person):
                person = apply(person, event)
                events.append(event)
        messages = [EventMessage(event_subject(event), write_event(event), event.id) for event in events]
        await append(self.nc, [EntityAppend(person_filter(person_id), last, messages)])
        return events

    async def append_raw(self, person_id: str, data: bytes, subject: str = "person.events.identity.updated") -> int:
        """Append bytes that nobody has checked, under a valid subject; returns their stream sequence."""
        reply = await self.nc.request(f"{subject}.{person_id}", data, timeout=30)
        sequence: int = orjson.loads(reply.data)["seq"]
        return sequence

    async def stored(self, *person_ids: str) -> list[Record]:
        """All records of the persons as ingress would write them, in stream order, offsets from 0."""
        found = [
            message
            for person_id in person_ids
            async for message in read.messages(self.nc, streams.EVENTS, person_filter(person_id))
        ]
        return [
            carried(streams.EVENTS, message.subject, message.data, message.stream_sequence, offset)
            for offset, message in enumerate(sorted(found, key=lambda one: one.stream_sequence))
        ]

    async def sequences(self, person_id: str) -> list[int]:
        """The sequences of a person's events as they are stored."""
        return [event.sequence async for event, _ in EventLog(self.nc).events(person_id)]

    async def letters(self, part: str) -> list[tuple[str, str, bytes]]:
        """Consumer, cause and bytes of the dead letters whose bytes hold a text."""
        found = []
        async for message in read.messages(self.nc, streams.DEAD_LETTERS, "person.dlq.>"):
            if part.encode() in message.data:
                _, _, consumer, cause, _, _ = message.subject.split(".")
                found.append((consumer, cause, message.data))
        return found


class Worker:
    """The tables of one worker and its lanes for partition P."""

    def __init__(
        self, nc: Client, app: faust.App, producer: FencedProducer, inbox: str, bootstrap: str, name: str
    ) -> None:
        self._bootstrap = bootstrap
        self._name = name
        self.nc = nc
        self.inbox = inbox
        self.outcomes_seen: list[dict[str, Any]] = []
        self.discarded_in: list[int] = []
        self._tables = {name: self._table(app, name) for name in topics.TABLES}
        self.persons = PersonsTable(self._tables["persons"], 100)
        self.summary = SummaryTable(self._tables["summary"])
        self.search = SearchTable(self._tables["search"])
        self.skills = SkillsTable(self._tables["skills"])
        self.network = NetworkTable(self._tables["network"])
        self.views = ViewsTable(self._tables["views"])
        self.timeline = TimelineTable(self._tables["timeline"])
        self.statistics = StatisticsTable(self._tables["statistics"])
        self.outcomes = OutcomesTable(self._tables["outcomes"])
        self.policies = PoliciesTable(self._tables["policies"])
        self.rules = RuleBook(nc)
        self.policy_counters = PolicyCounters()
        self.quarantine = QuarantineTable(self._tables["quarantine"])
        self.positions = AppliedPositions()
        self.log = EventLog(nc)
        self._letters = DeadLetters(nc, "person.dlq")
        self._producer = producer
        self._offset = 0
        self._sequence = random.getrandbits(40)

    def event_agents(self, max_state_bytes: int = 1 << 20) -> list[LaneAgent]:
        wards = Quarantine(self.quarantine)
        return [
            FoldPersons(self.persons, self.log, self._letters, wards, max_state_bytes=max_state_bytes),
            ProjectSummary(self.summary, wards, max_row_bytes=1 << 20),
            ProjectSearch(self.search, wards, max_row_bytes=1 << 20),
            ProjectSkills(self.skills, wards, max_row_bytes=1 << 20),
            ProjectNetwork(self.network, wards, max_row_bytes=1 << 20),
            ProjectViews(self.views, wards, max_row_bytes=1 << 20),
            ProjectTimeline(self.timeline, self.log, wards, max_row_bytes=1 << 20),
            ProjectStatistics(self.statistics, self.log, wards),
            ParkPoison(self.quarantine, self._letters),
            MarkPosition(self.queried(self.positions).on_events(), self.positions),
        ]

    def decider(self, log: EventLog | None = None, max_state_bytes: int = 1 << 20) -> DecidePerson:
        return DecidePerson(
            self.outcomes,
            self.persons,
            self.nc,
            log or self.log,
            self._letters,
            self.quarantine,
            Ownership(self._producer),
            remembered=100,
            max_state_bytes=max_state_bytes,
            vetoes=Vetoes(self.rules, self.policy_counters),
            counters=self.policy_counters,
        )

    async def run(self, agents: Sequence[LaneAgent], records: Sequence[Record]) -> None:
        """One lane takes the records in one cycle and commits them."""
        lane = self._lane(agents)
        numbered = [record._replace(offset=self._offset + index) for index, record in enumerate(records)]
        self._offset += len(records)
        lane.start(LanePosition(0, False))
        try:
            lane.deliver(numbered)
            async with asyncio.timeout(60):
                while lane.committable != self._offset:  # noqa: ASYNC110  # a lane tells nobody that it has committed
                    await asyncio.sleep(0.005)
        finally:
            await lane.stop(1.0)
        await self.nc.flush()

    async def repeat(self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        """A lane takes records again."""
        assert partition == P
        async with self.running() as lane:
            return await lane.repeat(records, prepare)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Lane]:
        """A lane of the agents of person.events that runs until it is left."""
        lane = self._lane(self.event_agents())
        lane.start(LanePosition(0, False))
        try:
            yield lane
        finally:
            await lane.stop(1.0)

    def redriver(self, repeat: Repeat | None = None, *, others_up_to: int = 0) -> Redriver:
        """Redrives of these tables; nothing that was appended is forgotten."""
        return Redriver(
            self.quarantine,
            self.log,
            self._letters,
            repeat or self.repeat,
            on_discarded=self.discarded_in.append,
            others_up_to=lambda: others_up_to,
        )

    def parked(self) -> dict[tuple[str, str], Parked]:
        """Who is parked, by agent and person."""
        rows = self.quarantine.rows(P)
        return {(agent, person_id): row.parked for agent, person_id, row in rows if row.parked is not None}

    def _lane(self, agents: Sequence[LaneAgent], on_fenced: Callable[[], None] = lambda: None) -> Lane:
        return Lane(
            "topic",
            P,
            agents,
            self._producer,
            max_batch=900,
            max_backlog=1000,
            max_backlog_bytes=64 << 20,
            on_drained=lambda: None,
            on_fenced=on_fenced,
        )

    def queried(self, positions: AppliedPositions) -> WorkerTables:
        """What queries read of these tables, after a start that knows no position yet."""
        return WorkerTables(
            partitions=PARTITIONS,
            persons=self.persons,
            summary=self.summary,
            search=self.search,
            skills=self.skills,
            network=self.network,
            views=self.views,
            timeline=self.timeline,
            statistics=self.statistics,
            outcomes=self.outcomes,
            policies=self.policies,
            quarantine=self.quarantine,
            positions=positions,
            log=self.log,
            owned=lambda: frozenset({P}),
        )

    async def fold(self, records: Sequence[Record]) -> None:
        """Run the three agents of person.events on records."""
        await self.run(self.event_agents(), records)

    async def decide_after_a_take_over(self, *commands: CommandMessage, decider: DecidePerson) -> None:
        """As `decide`, after another worker has claimed the partition and begun to serve it; returns when the lane has ended."""
        successor = FencedProducer(self._bootstrap, name=self._name, client_id="successor", max_batch_bytes=1 << 20)
        await successor.claim([P])
        changelog = self._tables["outcomes"].changelog_topic
        await successor.write(P, [OutgoingBatch(changelog, P, [OutgoingRecord(b"__fence__", b"", 0)])])
        await successor.stop()
        ended = asyncio.Event()
        lane = self._lane([decider], ended.set)
        lane.start(LanePosition(0, False))
        try:
            lane.deliver([self._command(command) for command in commands])
            await asyncio.wait_for(ended.wait(), 60)
        finally:
            await lane.stop(1.0)

    async def decide(self, *commands: CommandMessage, decider: DecidePerson | None = None) -> list[dict[str, Any]]:
        """Run decide_person on commands, all in one cycle; returns the outcomes in the order of the answers."""
        return await self.decide_records(self.commands(*commands), decider=decider)

    def commands(self, *commands: CommandMessage) -> list[Record]:
        """Commands as the command stream would bring them, stored now."""
        return [self._command(command) for command in commands]

    async def decide_records(
        self, records: Sequence[Record], *, decider: LaneAgent | None = None
    ) -> list[dict[str, Any]]:
        """As `decide`, with commands that may have come before."""
        self.outcomes_seen.clear()
        await self.run([decider or self.decider()], records)
        async with asyncio.timeout(60):
            while len(self.outcomes_seen) < len(records):  # noqa: ASYNC110  # answers come by a callback
                await asyncio.sleep(0.005)
        return list(self.outcomes_seen)

    def _command(self, command: CommandMessage) -> Record:
        self._sequence += 1
        data = orjson.dumps(command.envelope())
        return carried(streams.COMMANDS, command.type, data, self._sequence, 0, {REPLY_TO: self.inbox})

    def rendered(self) -> dict[str, RenderedTable]:
        """The models with one row per person."""
        return {
            "summary": self.summary,
            "search": self.search,
            "skills": self.skills,
            "network": self.network,
            "views": self.views,
        }

    async def assert_folded(self, *person_ids: str) -> None:
        """Every row of these persons, and the statistics of all persons, equal an independent fold of JetStream."""
        self.persons.forget(P)
        everybody = {key.decode() for key, _ in self.persons.table.rows(P)}
        models: dict[str, PersonModels] = {}
        for person_id in everybody | set(person_ids):
            one, chain, last = PersonModels(Person.new(person_id), P), Chain.of(person_id), 0
            async for arrival in self.log.arrivals(person_id):
                last, chain = arrival.stream_sequence, chain.link(arrival.record.value)
                one.apply(arrival.read(), last)
            models[person_id] = one
            if person_id not in person_ids:
                continue
            row = self.persons.read(P, person_id)
            assert row.person.model_dump() == one.person.model_dump()
            assert (row.stream_sequence, row.chain) == (last, chain)
            for name, table in self.rendered().items():
                assert (name, table.read(P, person_id)) == (name, one.row(name))
            assert self.timeline.read(P, person_id) == one.entries()
        bookkeeping = {"day", "late", "position"}
        counted = {
            (P, day["day"]): {name: counts for name, counts in day.items() if name not in bookkeeping}
            for day in self.statistics.rows(P)
        }
        assert counted == statistics_of(models.values())

    def rows(self) -> dict[str, list[tuple[bytes, bytes]]]:
        """Every row of every table."""
        return {name: list(table.rows(P)) for name, table in self._tables.items()}

    def forget_outcomes(self) -> None:
        """Lose the rows of table outcomes, as a crash between append and commit does."""
        self.lose("outcomes")

    def lose(self, name: str) -> None:
        """Lose the rows of a table, as a crash does before a commit has reached it."""
        table = self._tables[name]
        for key, _ in list(table.rows(P)):
            table.database(P).delete(key)
        self.persons.forget(P)
        self.quarantine.forget(P)

    async def on_outcome(self, message: Msg) -> None:
        self.outcomes_seen.append(orjson.loads(message.data))

    def close(self) -> None:
        for table in self._tables.values():
            for database in table.faust_table.data._dbs.values():
                database.close()

    @staticmethod
    def _table(app: faust.App, name: str) -> LaneTable:
        return LaneTable(
            app, name, partitions=PARTITIONS, memory=TableMemory(16 << 20, write_buffer_bytes=1 << 20, open_files=64)
        )


@pytest.fixture
async def persons(nc: Client) -> Persons:
    """The streams of the application exist; no worker is needed."""
    for declared in streams.streams(PARTITIONS, 1):
        await ensure_stream(nc, declared)
    return Persons(nc)


@pytest.fixture
async def worker(nc: Client, servers: Endpoints, persons: Persons, tmp_path: Path) -> AsyncIterator[Worker]:
    """Empty tables with changelogs of their own."""
    app_id = f"t{uuid.uuid4().hex[:10]}"
    changelogs = [
        one for one in topics.declared_by(Settings(app_id=app_id, partitions=P + 1)) if one.name.startswith(app_id)
    ]
    await ensure_topics(servers.kafka_bootstrap, changelogs)
    app = faust.App(app_id, broker=f"kafka://{servers.kafka_bootstrap}", store="rocksdb://", datadir=str(tmp_path))
    producer = FencedProducer(servers.kafka_bootstrap, name=app_id, client_id=app_id, max_batch_bytes=1 << 20)
    await producer.claim([P])
    one = Worker(nc, app, producer, nc.new_inbox(), servers.kafka_bootstrap, app_id)
    answers = await nc.subscribe(one.inbox, cb=one.on_outcome)
    try:
        yield one
    finally:
        await answers.unsubscribe()
        await producer.stop()
        one.close()


def carried(
    stream: str, subject: str, data: bytes, sequence: int, offset: int, headers: dict[str, str] | None = None
) -> Record:
    """A stored message as ingress writes it to Kafka and a lane sees it."""
    now_ns = int(datetime.now(UTC).timestamp() * 1e9)
    delivery = Delivery(subject, data, headers or {}, sequence, 1, now_ns, "")
    key = subject.split(".")[-1].encode()
    user = {name.lower(): value.encode() for name, value in delivery.headers.items()}
    return Record(offset, key, data, {**dict(coordinates(stream.encode(), delivery)), **user}, now_ns // 1_000_000)
