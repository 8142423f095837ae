"""The Faust application and its wiring, nothing else: settings, tables, agents, bridge and queries meet here.

`faust -A app worker` runs it; `person worker` does the same with checks and one clear line when a server is missing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Sequence

from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from agents.admit_command import command_router
from agents.admit_foreign import foreign_router
from agents.admit_timer import timer_router
from agents.advance_sagas import AdvanceSagas
from agents.announce_changes import AnnounceChanges
from agents.apply_policies import ApplyPolicies
from agents.command_sender import CommandSender
from agents.decide_person import DecidePerson
from agents.decide_rule import DecideRule
from agents.decide_saga import DecideSaga
from agents.expire_outcomes import ExpireOutcomes
from agents.feed_index import FeedIndex
from agents.feed_saga_index import FeedSagaIndex
from agents.fire_timers import FireTimers
from agents.fold_persons import FoldPersons
from agents.fold_sagas import FoldSagas
from agents.foreign_counters import ForeignCounters
from agents.inactivity_schedule import keep_schedule
from agents.live_position import LivePositions, MarkLivePosition
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
from agents.redrive import Redriver
from agents.request_analysis import RequestAnalysis
from agents.rule_book import RuleBook
from agents.saga_counts import SagaCounts
from agents.saga_log import SagaLog
from agents.saga_reading import SagaHistory
from agents.saga_timeouts import read_timeouts
from agents.send_effects import SendEffects
from agents.shipped_policies import register_shipped, shipped_documents
from agents.sweep_inactivity import SweepInactivity
from agents.translate_agent import TranslateAgent
from agents.translate_git import TranslateGit
from agents.translate_identity import TranslateIdentity
from agents.translate_location import TranslateLocation
from agents.translate_organization import TranslateOrganization
from agents.translated_positions import TranslatedPositions
from agents.translating import TranslateNeighbour
from agents.vetoes import Vetoes
from bridge.connection import connect
from bridge.dead_letters import DeadLetters
from bridge.egress_route import Installation
from bridge.errors import BridgeError
from bridge.ingress import KafkaRecord
from bridge.ingress_route import consumer_feeding
from bridge.reports import RouteReports
from bridge.route_file import Limits, read_routes
from bridge.running import RunningRoutes
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from bridge.trimming import ProcessedLog, Trimming
from config import routes, streams, topics
from config.settings import Settings
from lanes.agent import Batch, LaneAgent, register
from lanes.app import LaneApp
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from lanes.record import Record
from lanes.recovery import RecoverySettings
from lanes.runtime import LaneSettings
from lanes.table import LaneTable, raw_schema
from lanes.table_memory import TableMemory
from queries.foreign_metrics import of_neighbours
from queries.index.database import SOURCES, UnfitSqliteError
from queries.index.feed import IndexFeed
from queries.linked import LinkedPersons
from queries.metrics import (
    WorkerMetrics,
    of_dead_letters,
    of_index,
    of_lanes,
    of_recovery,
    of_routes,
    of_subscriptions,
    of_tables,
)
from queries.models import PERSON_MODELS
from queries.operations import Operations
from queries.pages import add_pages
from queries.policy_metrics import of_policies
from queries.processes import SAGA_SOURCES, Processes
from queries.saga_census import SagaCensus
from queries.saga_metrics import of_sagas
from queries.service import QueryService
from queries.subscriptions.messages import FOLLOWED
from queries.sweep_metrics import of_sweeps
from queries.tables_of_worker import WorkerTables
from tables import (
    network,
    outcomes,
    persons,
    policies,
    quarantine,
    sagas,
    search,
    skills,
    statistics,
    summary,
    timeline,
    views,
)
from tables.network import NetworkTable
from tables.outcomes import OutcomesTable
from tables.persons import PersonsTable
from tables.policies import PoliciesTable
from tables.position import AppliedPositions
from tables.quarantine import QuarantineTable
from tables.sagas import SagasTable
from tables.search import SearchTable
from tables.skills import SkillsTable
from tables.statistics import StatisticsTable
from tables.summary import SummaryTable
from tables.timeline import TimelineTable
from tables.views import ViewsTable

COMMANDS_PER_CYCLE = 250
"""Bounds how long the first command of a cycle waits for the last one: most emit one to three events, so a cycle fits one atomic batch."""

TRANSLATORS: tuple[type[TranslateNeighbour], ...] = (
    TranslateIdentity,
    TranslateOrganization,
    TranslateLocation,
    TranslateGit,
    TranslateAgent,
)


class PersonApp(LaneApp):
    """The lanes, the bridge and the queries of one worker. Everything that follows partition ownership is started and stopped with it."""

    def __init__(self, settings: Settings) -> None:
        # Two connections: the broker answers one request a connection at a time, and a lane's commit must not wait behind
        # records that are only carried.
        max_batch_bytes = settings.changelog_max_bytes // 8
        producer = FencedProducer(
            settings.kafka_bootstrap,
            name=settings.app_id,
            client_id=f"{settings.app_id}-lanes",
            max_batch_bytes=max_batch_bytes,
        )
        writer = DurableProducer(
            settings.kafka_bootstrap, client_id=f"{settings.app_id}-ingress", max_batch_bytes=max_batch_bytes
        )
        super().__init__(
            settings.app_id,
            broker=";".join(f"kafka://{address}" for address in settings.kafka_bootstrap.split(",")),
            store="rocksdb://",
            datadir=str(settings.data_dir),
            topic_partitions=settings.partitions,
            topic_replication_factor=settings.replicas,
            topic_disable_leader=True,
            table_standby_replicas=settings.standby_replicas,
            consumer_auto_offset_reset="earliest",
            # A broker that was cut off from its peers goes on answering; only newer metadata tells that its partitions have moved.
            consumer_metadata_max_age_ms=10_000,
            consumer_max_fetch_size=4 << 20,
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.session_timeout_s / 4,
            broker_rebalance_timeout=15.0,
            broker_request_timeout=20.0,
            broker_commit_interval=settings.commit_interval_s,
            broker_commit_every=10**9,
            broker_max_poll_records=5000,
            producer_request_timeout=30.0,
            web_host=settings.http_host,
            web_port=settings.http_port,
            web_bind=settings.http_host,
            web_tables_enabled=False,
            web_router_enabled=False,
            lane_settings=LaneSettings(
                fetch_max_wait_ms=settings.fetch_max_wait_ms,
                fetch_min_bytes=settings.fetch_min_bytes,
                max_backlog=settings.lane_max_backlog,
                max_backlog_bytes=settings.lane_max_backlog_bytes,
            ),
            recovery_settings=RecoverySettings(standby_share=settings.standby_share),
            producer=producer,
            writer=writer,
        )
        self.settings = settings
        self._table_memory = TableMemory(
            settings.table_memory_bytes,
            write_buffer_bytes=settings.write_buffer_bytes,
            open_files=settings.table_open_files,
        )
        self.nc = Client()
        self._letters = DeadLetters(self.nc, "person.dlq")
        self._declared_routes = read_routes(
            settings.routes_file or routes.PACKAGED,
            routes.PACKAGED,
            Limits(settings.partitions, routes.FED_TOPICS, routes.ROUTERS),
        )
        self.routes = self._routes()
        self._reports = RouteReports(
            self.nc, settings.app_id, f"{settings.http_host}:{settings.http_port}", self.routes.report
        )
        self._trimming: Trimming | None = None
        self._log = EventLog(self.nc)
        self.rules = RuleBook(self.nc)
        self._live = LivePositions(self.nc)
        self._live_sagas = LivePositions(self.nc, "sagas")
        self.saga_counts = SagaCounts()
        self._policy_counters = PolicyCounters()
        self._sender = CommandSender(self.nc)
        self._translated = TranslatedPositions(self.nc)
        self._foreign_counters = ForeignCounters()
        positions = AppliedPositions()
        self._saga_positions = AppliedPositions()
        try:
            self.index = IndexFeed(settings.data_dir / "index", positions)
            self.saga_index = IndexFeed(settings.data_dir / "index-sagas", self._saga_positions, SAGA_SOURCES)
        except UnfitSqliteError as error:
            sys.exit(f"person worker: {error}")
        self._sagas = SagasTable(self._table(sagas.NAME, sagas.__doc__))
        self._saga_history = SagaHistory(self.nc)
        self.processes = Processes(self._sagas, self._saga_positions, self.saga_index, self._saga_history, self.rules)
        self._saga_census = SagaCensus(self.saga_index, lambda: self.lanes.partitions)
        self.worker_tables = WorkerTables(
            partitions=settings.partitions,
            persons=PersonsTable(self._table(persons.NAME, persons.__doc__), settings.cached_persons),
            summary=SummaryTable(self._table(summary.NAME, summary.__doc__)),
            search=SearchTable(self._table(search.NAME, search.__doc__)),
            skills=SkillsTable(self._table(skills.NAME, skills.__doc__)),
            network=NetworkTable(self._table(network.NAME, network.__doc__)),
            views=ViewsTable(self._table(views.NAME, views.__doc__)),
            timeline=TimelineTable(self._table(timeline.NAME, timeline.__doc__)),
            statistics=StatisticsTable(self._table(statistics.NAME, statistics.__doc__)),
            outcomes=OutcomesTable(self._table(outcomes.NAME, outcomes.__doc__)),
            policies=PoliciesTable(self._table(policies.NAME, policies.__doc__)),
            quarantine=QuarantineTable(self._table(quarantine.NAME, quarantine.__doc__)),
            positions=positions,
            index=self.index,
            processes=self.processes,
            log=self._log,
            owned=lambda: self.lanes.partitions,
        )
        try:
            timeouts = read_timeouts(settings.saga_timeouts)
        except BridgeError as error:
            sys.exit(f"person worker: {error}")
        self._saga_log = SagaLog(
            self.nc,
            self._sagas,
            self.worker_tables.persons,
            self._log,
            self._saga_history,
            self._saga_positions,
            self._letters,
            timeouts=timeouts,
        )
        self._sweep = SweepInactivity(self.worker_tables.persons, self.nc)
        self._declare_agents()
        self.queries = QueryService(self.nc, self.worker_tables, app_id=settings.app_id)
        self.lanes.on_started.append(self._partitions_started)
        self.lanes.on_stopping.append(self._partitions_stopping)
        self.metrics = WorkerMetrics()
        for source in (
            of_lanes(self.lanes.lanes),
            of_tables(self.worker_tables),
            of_index(self.index),
            of_dead_letters(self._letters.stored),
            of_routes(self.routes.report),
            of_recovery(lambda: self.tables.recovery.status()),
            of_subscriptions(self.queries.subscriptions),
            of_policies(self.rules, self._policy_counters),
            of_neighbours(self._foreign_counters),
            of_sagas(self._saga_census.counted, self.saga_counts),
            of_sweeps(self._sweep),
        ):
            self.metrics.add(source)
        add_pages(self, self.nc, self.worker_tables, self.metrics)

    async def on_first_start(self) -> None:
        """Connect, create or check what must exist, and offer the queries, before Faust joins its group."""
        try:
            await self._connect()
        except (BridgeError, KafkaError, NatsError) as error:
            # One line for the operator instead of the stack of a service tree.
            sys.exit(f"person worker: {error}")
        await self.queries.start()
        self._saga_census.start()
        await self.routes.start()
        await self._reports.start()
        await super().on_first_start()

    async def _connect(self) -> None:
        name = f"{self.settings.app_id} worker {self.settings.http_port}"
        await connect(self.nc, self.settings.nats_url, name=name, on_closed=self._connection_closed)
        for declared in streams.streams(self.settings.partitions, self.settings.replicas):
            await ensure_stream(self.nc, declared)
        await keep_schedule(self.nc, self.settings.inactivity_sweep, self.settings.partitions)
        await ensure_topics(self.settings.kafka_bootstrap, topics.declared_by(self.settings))
        await self.routes.check()
        if self.settings.shipped_policies:
            await register_shipped(self.nc, shipped_documents())
        await self.rules.start()
        await self._sender.start()
        self._live.start()
        self._live_sagas.start()
        self._translated.start()
        await self.lane_producer.start()
        await self.lane_writer.start()
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)

    async def on_stop(self) -> None:
        """Withdraw the queries and disconnect after routes, lanes and consumer have stopped."""
        await self.routes.stop()
        await super().on_stop()
        await asyncio.gather(
            self.queries.stop(),
            self._reports.stop(),
            self.rules.stop(),
            self._live.stop(),
            self._live_sagas.stop(),
            self._translated.stop(),
        )
        await self._saga_census.stop()
        await asyncio.gather(self.index.stop(), self.saga_index.stop())
        if self.nc.is_connected:
            # Outcomes that were published last leave before the connection does.
            with contextlib.suppress(NatsError):
                await self.nc.flush(timeout=2)
        await self.nc.close()

    def _connection_closed(self) -> None:
        if not self.should_stop:
            # A worker without NATS holds partitions and serves nobody. Nothing is lost by ending at once: lanes commit
            # only what is durable, and the supervisor starts a new worker.
            self.log.critical("the connection to NATS was closed for good; the worker ends")
            os._exit(1)

    def _table(self, name: str, about: str | None) -> LaneTable:
        return LaneTable(
            self,
            name,
            about=(about or "").partition("\n")[0],
            partitions=self.settings.partitions,
            memory=self._table_memory,
        )

    def _declare_agents(self) -> None:
        tables = self.worker_tables
        wards = Quarantine(tables.quarantine)
        max_row_bytes = self.settings.changelog_max_bytes // 2
        event_agents: list[LaneAgent] = [
            # Before the position moves: whoever reads at it has been told of the changes up to it.
            AnnounceChanges([PERSON_MODELS[model](tables).table for model in FOLLOWED], tables.changes),
            FoldPersons(tables.persons, self._log, self._letters, wards, max_state_bytes=max_row_bytes),
            ProjectSummary(tables.summary, wards, max_row_bytes=max_row_bytes),
            ProjectSearch(tables.search, wards, max_row_bytes=max_row_bytes),
            ProjectSkills(tables.skills, wards, max_row_bytes=max_row_bytes),
            ProjectNetwork(tables.network, wards, max_row_bytes=max_row_bytes),
            ProjectViews(tables.views, wards, max_row_bytes=max_row_bytes),
            ProjectTimeline(tables.timeline, self._log, wards, max_row_bytes=max_row_bytes),
            ProjectStatistics(tables.statistics, self._log, wards),
            FeedIndex(
                [table for table in tables.on_events() if table.name in SOURCES and table.name != persons.NAME],
                tables.persons.table,
                self.index.take,
            ),
            # Behind all that may park somebody.
            ParkPoison(tables.quarantine, self._letters),
            # Behind all that write rows, and all that have to know of them before readers do.
            MarkPosition(tables.on_events(), tables.positions),
            ApplyPolicies(
                tables.policies, self.rules, self._live, self._log, tables.quarantine, self.nc, self._policy_counters
            ),
            AdvanceSagas(self._saga_log, tables.persons, self._live, self.saga_counts),
            RequestAnalysis(self.nc, self._live),
            # Behind all that cause effects.
            MarkLivePosition(self._live),
        ]
        decide_person = DecidePerson(
            tables.outcomes,
            tables.persons,
            self.nc,
            self._log,
            self._letters,
            tables.quarantine,
            self.ownership,
            remembered=self.settings.cached_persons,
            # A command may bring a row near its bound; the fold then still has room for what grows without commands.
            max_state_bytes=self.settings.changelog_max_bytes // 4,
            vetoes=Vetoes(self.rules, self._policy_counters),
            counters=self._policy_counters,
        )
        redriver = Redriver(
            tables.quarantine,
            self._log,
            self._letters,
            self._repeat,
            # What it has appended may rest on the discarded event.
            on_discarded=decide_person.forget,
        )
        self.operations = Operations(
            self.nc, redriver, app_id=self.settings.app_id, agents=frozenset(agent.name for agent in event_agents)
        )
        command_agents: list[LaneAgent] = [
            decide_person,
            DecideSaga(
                tables.outcomes,
                self._saga_log,
                self._saga_history,
                self.nc,
                self._letters,
                self.saga_counts,
                self._policy_counters,
            ),
            DecideRule(tables.outcomes, self.nc, self._letters, self.ownership, self._policy_counters),
            ExpireOutcomes(tables.outcomes, keep_s=self.settings.outcomes_keep_s),
        ]
        saga_agents: list[LaneAgent] = [
            FoldSagas(self._sagas, self._saga_log, self._letters),
            FeedSagaIndex(self._sagas, self.saga_index.take),
            SendEffects(self.nc, self._live_sagas, self._letters, self.saga_counts),
        ]
        timer_agents: list[LaneAgent] = [
            FireTimers(self._saga_log, self._letters, self.saga_counts),
            # Behind what sagas wait for: it may take long.
            self._sweep,
        ]
        foreign_agents: list[LaneAgent] = [
            translator(
                self._sender,
                LinkedPersons(lambda timeout_s: self.queries.asking(timeout_s)),
                self._letters,
                self._foreign_counters,
                self._translated,
                partitions=self.settings.partitions,
            )
            for translator in TRANSLATORS
        ]
        commands_per_cycle = min(self.settings.lane_max_batch, COMMANDS_PER_CYCLE)
        for topic, agents, max_batch in (
            (topics.EVENTS, event_agents, self.settings.lane_max_batch),
            (topics.COMMANDS, command_agents, commands_per_cycle),
            (topics.SAGAS, saga_agents, self.settings.lane_max_batch),
            (topics.TIMERS, timer_agents, self.settings.lane_max_batch),
            (topics.FOREIGN, foreign_agents, commands_per_cycle),
        ):
            source = self.topic(topic, schema=raw_schema(), partitions=self.settings.partitions, internal=True)
            # JetStream holds all of them, so what lanes do may be ahead of Kafka; it is never ahead of JetStream.
            # Translators wait for decisions, and ingress should not wait with them.
            self.lanes.declare(topic, agents, max_batch=max_batch, fold_ahead=topic != topics.FOREIGN)
            for agent in agents:
                register(self, source, agent)

    async def _partitions_started(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            self.worker_tables.load_position(partition)
            self.processes.load_position(partition)
            self.worker_tables.quarantine.load(partition)
        await self._partitions_stopping(frozenset(range(self.settings.partitions)) - partitions)
        await self.index.own(partitions, self.worker_tables.on_events())
        await self.saga_index.own(partitions, [self._sagas.table])
        await asyncio.gather(self.queries.own(partitions), self.operations.own(partitions))
        if 0 in partitions:
            self._trimming = self._command_trimming()
            self._trimming.start()
        self.routes.own(partitions)

    async def _partitions_stopping(self, partitions: frozenset[int]) -> None:
        trimming, self._trimming = self._trimming, None
        if trimming is not None:
            await trimming.stop()
        if partitions:
            self._sender.interrupt()
        await asyncio.gather(self.routes.disown(), self.queries.disown(partitions), self.operations.disown(partitions))
        await asyncio.gather(self.index.disown(partitions), self.saga_index.disown(partitions))

    def _command_trimming(self) -> Trimming:
        return Trimming(
            self.nc,
            self.settings.kafka_bootstrap,
            ProcessedLog(
                streams.COMMANDS,
                consumer_feeding(self._declared_routes, topics.COMMANDS),
                topics.COMMANDS,
                self.settings.partitions,
                self.settings.app_id,
            ),
            keep_s=self.settings.commands_keep_s,
            interval_s=self.settings.commands_trim_interval_s,
        )

    def _routes(self) -> RunningRoutes:
        settings = self.settings
        return RunningRoutes(
            self.nc,
            self._declared_routes,
            Installation(settings.app_id, settings.kafka_bootstrap, settings.partitions, settings.session_timeout_s),
            self._letters,
            write=self._write,
            routers={
                routes.ADMIT_COMMAND: command_router(
                    self.nc, self._letters, partitions=settings.partitions, max_bytes=settings.command_max_bytes
                ),
                routes.ADMIT_TIMER: timer_router(settings.partitions),
                routes.ADMIT_FOREIGN: foreign_router(settings.partitions),
            },
        )

    async def _repeat(self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        lane = self.lanes.lane(topics.EVENTS, partition)
        if lane is None:
            raise LookupError(f"no lane for partition {partition}")
        return await lane.repeat(records, prepare)

    async def _write(self, topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        if not self.lanes.runs(topic):
            await self.lane_writer.write(
                OutgoingBatch(topic, partition, [OutgoingRecord(*record) for record in records])
                for partition, records in by_partition.items()
            )
            return
        await self.lanes.write(
            topic,
            {
                partition: [
                    Record(-1, one.key or b"", one.value or b"", dict(one.headers), one.timestamp_ms) for one in records
                ]
                for partition, records in by_partition.items()
            },
        )


app = PersonApp(Settings())
