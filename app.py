"""The Faust application and its wiring, nothing else: settings, tables, agents, bridge and queries meet here.

`faust -A app worker` runs it; `person worker` does the same with checks and one clear line when a server is missing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from aiokafka.errors import KafkaError
from faust.types import TP
from nats.errors import Error as NatsError

from agents.admit_command import command_router
from agents.admit_foreign import foreign_router
from agents.admit_timer import timer_router
from agents.adopt_outcomes import AdoptOutcomes
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
from agents.flow_measures import FlowMeasures
from agents.fold_persons import FoldPersons
from agents.fold_sagas import FoldSagas
from agents.follow_outcomes import FollowedOutcomes
from agents.foreign_counters import ForeignCounters
from agents.healing import Healer, HealRows, HealSagaRows
from agents.inactivity_schedule import drop_schedules, keep_schedule
from agents.live_position import Begun, LivePositions, MarkLivePosition
from agents.mark_position import MarkPosition
from agents.measure_commands import MeasureCommands
from agents.measure_events import MeasureEvents
from agents.park_poison import ParkPoison
from agents.passed_events import passed
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
from agents.redrive_foreign import ForeignRedriver
from agents.request_analysis import RequestAnalysis
from agents.rule_book import RuleBook
from agents.saga_counts import SagaCounts
from agents.saga_log import SagaLog
from agents.saga_reading import SagaHistory
from agents.saga_timeouts import read_timeouts
from agents.send_effects import SendEffects
from agents.serving import Role
from agents.shipped_policies import register_shipped, shipped_documents
from agents.sweep_inactivity import SweepInactivity
from agents.traced_outcomes import traced_outcomes
from agents.translate_agent import TranslateAgent
from agents.translate_git import TranslateGit
from agents.translate_identity import TranslateIdentity
from agents.translate_location import TranslateLocation
from agents.translate_organization import TranslateOrganization
from agents.translated_positions import TranslatedPositions
from agents.translating import TranslateNeighbour
from agents.vetoes import Vetoes
from bridge.backlog import RouteBacklogs
from bridge.connection import connect
from bridge.dead_letters import DeadLetters
from bridge.egress_route import Installation
from bridge.errors import BridgeError
from bridge.ingress import KafkaRecord
from bridge.ingress_route import consumer_feeding
from bridge.reports import ROUTES, STATUS, WorkerReports
from bridge.route_file import Limits, read_routes
from bridge.routes import IngressRoute
from bridge.running import RunningRoutes
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from bridge.trimming import ProcessedLog, Trimming
from config import routes, streams, topics
from config.generations import routes_of_generation
from config.settings import Settings
from config.version import VERSION
from connections.errors import AccessSettingError
from lanes.agent import Batch, LaneAgent, register
from lanes.app import LaneApp
from lanes.credentials import faust_credentials
from lanes.fenced_producer import FencedProducer
from lanes.producer import DurableProducer, OutgoingBatch, OutgoingRecord
from lanes.record import Record
from lanes.recovery import RecoverySettings
from lanes.runtime import LaneSettings
from lanes.table import LaneTable, raw_schema
from lanes.table_memory import TableMemory
from queries.authorisation.adapters import adapter_of
from queries.authorisation.denials import Audited, of_denials
from queries.authorisation.page_guard import page_guard
from queries.authorisation.principal_subject import NAMED_QUERIES, QUERIES, standby_queries
from queries.dead_letters.census import OpenLetter
from queries.dead_letters.desk import DeadLetterDesk, DeskSettings
from queries.endpoints import ENDPOINTS
from queries.flow_metrics import of_flow, of_queries
from queries.foreign_metrics import of_neighbours
from queries.generation_reports import GenerationReports, ask_owners
from queries.index.database import SOURCES, UnfitSqliteError
from queries.index.feed import IndexFeed
from queries.inspection import Inspection
from queries.lane_metrics import of_cycles, of_lag, of_lanes
from queries.linked import LinkedPersons
from queries.metrics import (
    WorkerMetrics,
    of_dead_letters,
    of_index,
    of_recovery,
    of_subscriptions,
    of_tables,
)
from queries.models import PERSON_MODELS
from queries.operations import Operations
from queries.pages import add_pages
from queries.policy_metrics import of_policies
from queries.process_metrics import Disturbances, LoopLag, of_clocks, of_connection, of_disturbances, of_process
from queries.processes import SAGA_SOURCES, Processes
from queries.route_metrics import of_backlogs, of_routes
from queries.saga_census import SagaCensus
from queries.saga_metrics import of_sagas
from queries.service import QueryService
from queries.status.document import StatusDocument, StatusSources
from queries.status.feed import StatusFeed
from queries.status.flow import Flow
from queries.status.health import Health, Lag
from queries.status.life import WorkerLife
from queries.status.readiness import Readiness
from queries.status.sections import lag_of, measured, owners_of, together
from queries.status.settings_told import settings_told
from queries.storage_metrics import of_open_letters, of_storage, of_streams, of_trimming
from queries.stream_census import TELLING_PARTITION, StreamCensus
from queries.subscriptions.messages import FOLLOWED
from queries.sweep_metrics import of_sweeps
from queries.tables_of_worker import WorkerTables
from queries.trace_metrics import of_traces
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
from tracing.otlp import TracesUnavailableError
from tracing.worker import worker_traces

COMMANDS_PER_CYCLE = 250
"""Bounds how long the first command of a cycle waits for the last one: most emit one to three events, so a cycle fits one atomic batch."""

TRANSLATORS: tuple[type[TranslateNeighbour], ...] = (
    TranslateIdentity,
    TranslateOrganization,
    TranslateLocation,
    TranslateGit,
    TranslateAgent,
)


TAKEN_OVER_WITHIN_S = 5.0
TAKING_OVER_LOOK_S = 0.02

ACTING: tuple[type[LaneAgent], ...] = (
    AdvanceSagas,
    ApplyPolicies,
    DecidePerson,
    DecideRule,
    DecideSaga,
    FireTimers,
    MarkLivePosition,
    RequestAnalysis,
    SendEffects,
    SweepInactivity,
    TranslateNeighbour,
)
"""Agents that decide, or that bring about what others see. All others only fold, so a generation that stands by runs them too."""


class PersonApp(LaneApp):
    """The lanes, the bridge and the queries of one worker. Everything that follows partition ownership is started and stopped with it."""

    def __init__(self, settings: Settings) -> None:
        # Two connections: the broker answers one request a connection at a time, and a lane's commit must not wait behind
        # records that are only carried.
        max_batch_bytes = settings.changelog_max_bytes // 8
        adapter = adapter_of(settings.access, settings.grants_file, queries=ENDPOINTS)
        self.access = Audited(adapter.authorise)
        producer = FencedProducer(
            settings.kafka,
            name=settings.app_id,
            client_id=f"{settings.app_id}-lanes",
            max_batch_bytes=max_batch_bytes,
        )
        writer = DurableProducer(
            settings.kafka, client_id=f"{settings.app_id}-ingress", max_batch_bytes=max_batch_bytes
        )
        super().__init__(
            settings.app_id,
            broker=";".join(f"kafka://{address}" for address in settings.kafka_bootstrap.split(",")),
            broker_credentials=faust_credentials(settings.kafka),
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
            web_application_options={"middlewares": [page_guard(self.access, adapter.principal_of)]},
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
        self._topics = topics.own_topics(settings.generation)
        self._traces = worker_traces(
            on=settings.traces,
            service=settings.app_id,
            instance=f"{settings.http_host}:{settings.http_port}",
            version=VERSION,
            foreign_topic=self._topics.foreign,
            describe=traced_outcomes,
        )
        self._table_memory = TableMemory(
            settings.table_memory_bytes,
            write_buffer_bytes=settings.write_buffer_bytes,
            open_files=settings.table_open_files,
        )
        self.nc = self._traces.client()
        self._letters = DeadLetters(self.nc, "person.dlq")
        self._declared_routes = routes_of_generation(
            read_routes(
                settings.routes_file or routes.PACKAGED,
                routes.PACKAGED,
                Limits(settings.partitions, routes.FED_TOPICS, routes.ROUTERS),
            ),
            settings.generation,
            settings.partitions,
            settings.stored_partitions,
        )
        self._role = Role(self.nc, settings.installation, settings.generation)
        self._followed: FollowedOutcomes | None = None
        self._arranging = asyncio.Lock()
        self._served_term = 0
        self._answered = False
        self._taken_over: dict[int, dict[str, int]] = {}
        """The term in which each partition was taken over, and up to where it was folded then, by topic."""
        self._caught_up: dict[int, int] = {}
        """Term for which what was folded before it has had its effects, by partition."""
        self.routes = self._routes()
        self._reports = WorkerReports(
            self.nc,
            settings.app_id,
            f"{settings.http_host}:{settings.http_port}",
            {ROUTES: self.routes.report, STATUS: lambda: self.status.told()},
        )
        self._backlogs = RouteBacklogs(self.nc, self.routes)
        self._trimming: Trimming | None = None
        self._log = EventLog(self.nc)
        self.rules = RuleBook(self.nc)
        self._live = LivePositions(self.nc, begun=self._begun)
        self._live_sagas = LivePositions(self.nc, "sagas", begun=self._begun_sagas)
        self.saga_counts = SagaCounts()
        self._policy_counters = PolicyCounters()
        self._flow_measures = FlowMeasures()
        self._loop_lag = LoopLag()
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
        self._saga_history = SagaHistory(self.nc, settings.partitions, settings.stored_partitions)
        self.processes = Processes(self._sagas, self._saga_positions, self.saga_index, self._saga_history, self.rules)
        self._saga_census = SagaCensus(self.saga_index, lambda: self.lanes.partitions)
        self._stream_census = StreamCensus(
            self.nc,
            [declared["name"] for declared in streams.streams(settings.partitions, settings.replicas)],
            self._open_letters,
            lambda: self.lanes.partitions,
        )
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
            dead_letters=DeadLetterDesk(
                self.nc,
                self._log,
                self.routes,
                DeskSettings(
                    settings.app_id,
                    settings.partitions,
                    settings.command_max_bytes,
                    self._topics.commands,
                    self._topics.foreign,
                ),
            ),
            max_row_bytes=settings.changelog_max_bytes // 2,
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
        self.queries = QueryService(self.nc, self.worker_tables, app_id=settings.app_id, authorise=self.access)
        self.lanes.on_started.append(self._partitions_started)
        self.lanes.on_stopping.append(self._partitions_stopping)
        self._generation_reports = GenerationReports(self.nc, settings.app_id, self._generation_report)
        self.before_recovery.append(self._doubt_role)
        self._role.on_changed.append(self._take_role)
        self.metrics = WorkerMetrics()
        for source in (
            of_process(self._loop_lag),
            of_connection(self.nc),
            of_disturbances(self._disturbances),
            of_clocks(lambda: self.lane_producer.clocks),
            of_lanes(self.lanes.lanes),
            of_lag(self.lanes.lanes, self._end_of_log),
            of_cycles(self.lanes.measures),
            of_flow(self._flow_measures),
            of_queries(self.queries.measures),
            of_tables(self.worker_tables),
            of_storage(self._lane_tables, lambda: self.lanes.partitions, self._table_memory, settings.data_dir),
            of_streams(self._stream_census),
            of_open_letters(self._stream_census),
            of_trimming(lambda: self._trimming),
            of_index(self.index),
            of_dead_letters(self._letters.stored),
            of_routes(self.routes.report),
            of_backlogs(self._backlogs.counted),
            of_recovery(lambda: self.tables.recovery.status()),
            of_subscriptions(self.queries.subscriptions),
            of_policies(self.rules, self._policy_counters),
            of_neighbours(self._foreign_counters),
            of_sagas(self._saga_census.counted, self.saga_counts),
            of_sweeps(self._sweep),
            of_traces(self._traces.recorder),
            of_denials(self.access),
        ):
            self.metrics.add(source)
        self.stop_budget_s = settings.stop_budget_s
        self._life = WorkerLife(settings.data_dir)
        self._health = Health(self._readiness().checks(), self._lag)
        self._flow = Flow(self.lanes.lanes, lambda: (self._flow_measures.visible_seconds,), events=self._topics.events)
        self.status = self._status_document()
        self._feed = StatusFeed(self._flow.sample, lambda: orjson.dumps(self.status.told()))
        add_pages(self, self._health, self.status, self._feed, self.metrics)

    async def on_first_start(self) -> None:
        """Connect, create or check what must exist, and offer the queries, before Faust joins its group."""
        try:
            await self._connect()
        except (BridgeError, KafkaError, NatsError) as error:
            # One line for the operator instead of the stack of a service tree.
            sys.exit(f"person worker: {error}")
        await self.queries.start(self._query_subjects())
        self._saga_census.start()
        await self._reports.start()
        for watch in (self._backlogs, self._stream_census, self._loop_lag):
            watch.start()
        self._feed.start()
        await self._role.start()
        await super().on_first_start()

    async def _connect(self) -> None:
        name = f"{self.settings.app_id} worker {self.settings.http_port}"
        await connect(self.nc, self.settings.nats, name=name, on_closed=self._connection_closed)
        for declared in streams.streams(self.settings.stored_partitions, self.settings.replicas):
            await ensure_stream(self.nc, declared)
        await self._role.begin(self.settings.partitions)
        if self._role.answers:
            await self._keep_what_serving_needs()
        await ensure_topics(self.settings.kafka, topics.declared_by(self.settings))
        await self.routes.check()
        await self.rules.start()
        await self._sender.start()
        self._live.start()
        self._live_sagas.start()
        self._translated.start()
        await self.lane_producer.start()
        await self.lane_writer.start()
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        self._life.begin()

    async def on_stop(self) -> None:
        """Withdraw the queries and disconnect after routes, lanes and consumer have stopped."""
        await self._role.stop()
        await self._follow_nobody()
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
        for watch in (self._saga_census, self._backlogs, self._stream_census, self._loop_lag):
            await watch.stop()
        await asyncio.gather(self.index.stop(), self.saga_index.stop())
        if self.nc.is_connected:
            # Outcomes that were published last leave before the connection does.
            with contextlib.suppress(NatsError):
                await self.nc.flush(timeout=2)
        await self.nc.close()
        await self._traces.close()
        # Last, so that whoever watches sees the worker drain; the web server stops behind it.
        await self._feed.stop()
        self._life.end()

    def _disturbances(self) -> Disturbances:
        recovery = self.tables.recovery
        life = self._life.told()
        return Disturbances(
            rebalances=self.rebalancing_count,
            recoveries=recovery.recoveries,
            recovering_seconds=recovery.recovering_seconds,
            starts=life["starts"],
            killed_in_last_hour=life["killed_in_last_hour"],
        )

    def _lane_tables(self) -> Sequence[LaneTable]:
        tables = self.worker_tables
        return (
            *tables.on_events(),
            tables.outcomes.table,
            tables.policies.table,
            tables.quarantine.table,
            self._sagas.table,
        )

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
        fold_persons = FoldPersons(tables.persons, self._log, self._letters, wards, max_state_bytes=max_row_bytes)
        project_timeline = ProjectTimeline(tables.timeline, self._log, wards, max_row_bytes=max_row_bytes)
        project_statistics = ProjectStatistics(tables.statistics, self._log, wards)
        remembering: list[LaneAgent] = [fold_persons, project_timeline, project_statistics]

        def healed(partition: int, keys: Mapping[str, Iterable[bytes]]) -> None:
            for agent in remembering:
                agent.forget(partition)
            self.index.take(partition, {persons.NAME: keys[persons.NAME]}, 0)

        event_agents: list[LaneAgent] = [
            # Before the position moves: whoever reads at it has been told of the changes up to it.
            AnnounceChanges([PERSON_MODELS[model](tables).table for model in FOLLOWED], tables.changes),
            fold_persons,
            ProjectSummary(tables.summary, wards, max_row_bytes=max_row_bytes),
            ProjectSearch(tables.search, wards, max_row_bytes=max_row_bytes),
            ProjectSkills(tables.skills, wards, max_row_bytes=max_row_bytes),
            ProjectNetwork(tables.network, wards, max_row_bytes=max_row_bytes),
            ProjectViews(tables.views, wards, max_row_bytes=max_row_bytes),
            project_timeline,
            project_statistics,
            HealRows(
                tables.on_events(),
                tables.quarantine,
                self._log,
                tables.positions,
                max_row_bytes=max_row_bytes,
                on_healed=healed,
            ),
            FeedIndex(
                [table for table in tables.on_events() if table.name in SOURCES and table.name != persons.NAME],
                tables.persons.table,
                self.index.take,
            ),
            # Behind all that may park somebody.
            ParkPoison(tables.quarantine, self._letters, self._live),
            # Behind all that write rows, and all that have to know of them before readers do.
            MarkPosition(tables.on_events(), tables.positions),
            MeasureEvents(tables.positions, self._flow_measures),
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
        remembering.append(decide_person)
        redriver = Redriver(
            tables.quarantine,
            self._log,
            self._letters,
            self._repeat,
            # What it has appended may rest on the discarded event.
            on_discarded=decide_person.forget,
        )
        self.operations = Operations(
            self.nc,
            redriver,
            ForeignRedriver(self.nc, self._repeat_foreign),
            app_id=self.settings.app_id,
            agents=frozenset(agent.name for agent in event_agents),
            acts=lambda: self._role.acts,
        )
        self.inspection = Inspection(
            self.nc, tables, Healer(self._repeat, self._repeat_sagas), app_id=self.settings.app_id
        )
        command_agents: list[LaneAgent] = [
            AdoptOutcomes(tables.outcomes),
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
            # Behind all that tell outcomes.
            MeasureCommands(self._flow_measures),
        ]
        saga_agents: list[LaneAgent] = [
            FoldSagas(self._sagas, self._saga_log, self._letters),
            HealSagaRows(self._sagas.table, self._saga_history, self._saga_healed),
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
            (self._topics.events, event_agents, self.settings.lane_max_batch),
            (self._topics.commands, command_agents, commands_per_cycle),
            (self._topics.sagas, saga_agents, self.settings.lane_max_batch),
            (self._topics.timers, timer_agents, self.settings.lane_max_batch),
            (self._topics.foreign, foreign_agents, commands_per_cycle),
        ):
            source = self.topic(topic, schema=raw_schema(), partitions=self.settings.partitions, internal=True)
            # JetStream holds all of them, so what lanes do may be ahead of Kafka; it is never ahead of JetStream.
            # Translators wait for decisions, and ingress should not wait with them.
            run = [self._role.while_acting(agent) if isinstance(agent, ACTING) else agent for agent in agents]
            self.lanes.declare(
                topic, self._traces.agents(topic, run), max_batch=max_batch, fold_ahead=topic != self._topics.foreign
            )
            for agent in agents:
                register(self, source, agent)

    def _end_of_log(self, topic: str, partition: int) -> int | None:
        end: int | None = self.consumer.end_of_log(topic, partition)
        return end

    def _lag(self) -> Lag:
        return together(lag_of(measured(self.lanes.lanes(), self._end_of_log), time.time()).values())

    async def _open_letters(self) -> Iterable[OpenLetter]:
        desk = self.worker_tables.dead_letters
        return () if desk is None else await desk.census.open_letters()

    def _held_letters(self) -> Mapping[tuple[str, str], int] | None:
        return self._stream_census.dead_letters() if TELLING_PARTITION in self.lanes.partitions else None

    def _readiness(self) -> Readiness:
        return Readiness(
            nc=self.nc,
            tables=self.worker_tables,
            queries=self.queries,
            recovery=lambda: self.tables.recovery.status(),
            recovered=lambda: self.tables.recovery.completed.is_set(),
            rebalancing=lambda: self.rebalancing,
            stopping=lambda: self.should_stop,
            agents=self.lanes.agents(),
            registered=lambda: frozenset(name.removeprefix("agents.") for name in self.agents),
        )

    def _status_document(self) -> StatusDocument:
        settings = self.settings
        return StatusDocument(
            StatusSources(
                installation=settings.app_id,
                address=f"{settings.http_host}:{settings.http_port}",
                settings=settings_told(settings),
                tables=self.worker_tables,
                lanes=self.lanes.lanes,
                end_of_log=self._end_of_log,
                owners=lambda: owners_of(self.assignor.external_topics_metadata(), self._topics.events),
                recovery=lambda: self.tables.recovery.status(),
                routes=self.routes.report,
                backlogs=self._backlogs.counted,
                letters=self._letters.stored,
                held_letters=self._held_letters,
                census=self._saga_census.counted,
                clocks=self.lane_producer.clocks,
                rules=self.rules,
                policies=self._policy_counters,
            ),
            self._health,
            self._flow,
            self._life,
        )

    async def _partitions_started(self, partitions: frozenset[int]) -> None:
        self._life.assignments += 1
        for partition in partitions:
            self.worker_tables.load_position(partition)
            self.processes.load_position(partition)
            self.worker_tables.quarantine.load(partition)
            self._taken_over[partition] = {
                "term": self._role.register.term,
                self._topics.events: self.worker_tables.positions.applied(partition),
                self._topics.sagas: self.processes.positions.applied(partition),
            }
            self._caught_up.pop(partition, None)
        await self._partitions_stopping(frozenset(range(self.settings.partitions)) - partitions)
        await self.index.own(partitions, self.worker_tables.on_events())
        await self.saga_index.own(partitions, [self._sagas.table])
        await asyncio.gather(
            self.queries.own(partitions),
            self.operations.own(partitions),
            self.inspection.own(partitions),
            self._generation_reports.own(partitions),
        )
        await self._arrange()
        if self._role.register.term > 1:
            self._role.begin_again()

    async def _partitions_stopping(self, partitions: frozenset[int]) -> None:
        if partitions:
            self._sender.interrupt()
        async with self._arranging:
            await self._follow_nobody()
            await self.routes.disown()
        await asyncio.gather(
            self.queries.disown(partitions),
            self.operations.disown(partitions),
            self.inspection.disown(partitions),
            self._generation_reports.disown(partitions),
        )
        await asyncio.gather(self.index.disown(partitions), self.saga_index.disown(partitions))

    async def _doubt_role(self, _: frozenset[TP]) -> None:
        await self._role.doubt()

    async def _take_role(self) -> None:
        """Do what the register asks of this worker now; what it ends has ended when this returns."""
        register, answers = self._role.register, self._role.answers
        if self._answered and not answers:
            # Somebody has to answer all the time; these tables are as good for it.
            await self._until_owners(register.serving, answer=True)
        await self.queries.offer(self._query_subjects())
        await self.queries.follow_nobody(not answers)
        if answers and not self._answered and register.switches:
            # Who is told an outcome from here asks here for what came of it.
            await self._until_owners(register.switches[-1].came_from, answer=False)
        self._answered = answers
        await self._arrange()
        if self._role.answers and self._role.register.phase == "serving":
            await self._keep_what_serving_needs()
        # Before the first switch there is nothing that was folded while standing by.
        if self._role.term.number > 1:
            for partition in self.lanes.partitions:
                await self._catch_up(partition)

    async def _until_owners(self, name: str, *, answer: bool) -> None:
        """Wait until all owners of a generation answer the clients, or none does; no longer than a moment, since it may have no owners."""
        generation = self._role.register.generations.get(name)
        deadline = time.monotonic() + TAKEN_OVER_WITHIN_S
        while generation is not None and time.monotonic() < deadline:
            reports = await ask_owners(self.nc, generation.app_id, generation.partitions)
            answering = sum(one["answers"] for one in reports.values())
            if answering == (generation.partitions if answer else 0):
                return
            await asyncio.sleep(TAKING_OVER_LOOK_S)

    async def _catch_up(self, partition: int) -> None:
        """Let what was folded while this generation stood by, and was nobody's before, have its effects now.

        Also for a partition that is taken over later: its owner before may have died before it did so. Is cancelled when the
        partition moves meanwhile.
        """
        term = self._role.term.number
        taken = self._taken_over.get(partition)
        if taken is None or self._caught_up.get(partition) == term:
            return
        for topic, applied, live in (
            (self._topics.events, self.worker_tables.positions.applied, self._live),
            (self._topics.sagas, self.processes.positions.applied, self._live_sagas),
        ):
            [route] = [
                one for one in self._declared_routes if isinstance(one, IngressRoute) and one.target.topic == topic
            ]
            after = await live.floor(partition)
            # What came since it was taken over in this term has had its effects as it came.
            up_to = taken[topic] if taken["term"] == term else applied(partition)
            if up_to <= after:
                continue
            records = await passed(self.nc, route, partition, self.settings.partitions, after=after, up_to=up_to)
            for begin in range(0, len(records), self.settings.lane_max_batch):
                some = records[begin : begin + self.settings.lane_max_batch]
                await self._repeat_on(topic, partition, some, lambda _batch: None)
        self._caught_up[partition] = term

    async def _keep_what_serving_needs(self) -> None:
        settings, register = self.settings, self._role.register
        if register.term == self._served_term:
            return
        await keep_schedule(self.nc, settings.inactivity_sweep, settings.partitions)
        most = max((one.partitions for one in register.generations.values()), default=0)
        await drop_schedules(self.nc, range(settings.partitions, most))
        if settings.shipped_policies:
            await register_shipped(self.nc, shipped_documents())
        self._served_term = register.term

    async def _arrange(self) -> None:
        """Carry, trim and follow what the role of this worker asks for and its partitions allow."""
        async with self._arranging:
            partitions = self.lanes.partitions
            await self._follow_nobody()
            await self.routes.carry(self._role.carries, partitions)
            if 0 in partitions:
                self._trimming = self._command_trimming()
                self._trimming.start()
            if self._role.answers:
                register = self._role.register
                for partition in partitions:
                    # All of it is in the tables, else the switch had not happened; who waits may name a partition of another generation.
                    self.worker_tables.positions.advance(partition, register.events_up_to)
                    self.processes.positions.advance(partition, register.sagas_up_to)
            else:
                self._followed = self._outcomes_of_serving()
                self._followed.start(partitions)

    async def _follow_nobody(self) -> None:
        trimming, self._trimming = self._trimming, None
        followed, self._followed = self._followed, None
        for one in (trimming, followed):
            if one is not None:
                await one.stop()

    def _outcomes_of_serving(self) -> FollowedOutcomes:
        serving = self._role.register.generations[self._role.register.serving]
        return FollowedOutcomes(
            self.nc,
            self.settings.kafka,
            source=serving.app_id,
            source_partitions=serving.partitions,
            generation=self.settings.generation,
            partitions=self.settings.partitions,
            write=self._write,
        )

    def _begun(self) -> Begun:
        term = self._role.term
        return Begun(term.number, term.events_up_to)

    def _begun_sagas(self) -> Begun:
        term = self._role.term
        return Begun(term.number, term.sagas_up_to)

    def _query_subjects(self) -> Sequence[str]:
        return (QUERIES, NAMED_QUERIES) if self._role.answers else standby_queries(self.settings.generation)

    def _answers_clients(self) -> bool:
        return self.queries.subjects == (QUERIES, NAMED_QUERIES)

    def _generation_report(self, partition: int) -> dict[str, Any]:
        lanes = {topic: self.lanes.lane(topic, partition) for topic in self._topics}
        return {
            "unfinished": {topic: 0 if lane is None else lane.unfinished for topic, lane in lanes.items()},
            "through": self._role.done,
            "parked": sum(self.worker_tables.quarantine.parked_persons([partition]).values()),
            "answers": self._answers_clients(),
            "events": self.worker_tables.positions.applied(partition),
            "sagas": self.processes.positions.applied(partition),
        }

    def _command_trimming(self) -> Trimming:
        return Trimming(
            self.nc,
            self.settings.kafka,
            ProcessedLog(
                streams.COMMANDS,
                consumer_feeding(self._declared_routes, self._topics.commands),
                self._topics.commands,
                self.settings.partitions,
                self.settings.app_id,
                trims_stream=self._role.answers,
            ),
            keep_s=self.settings.commands_keep_s,
            interval_s=self.settings.commands_trim_interval_s,
        )

    def _routes(self) -> RunningRoutes:
        settings = self.settings
        return RunningRoutes(
            self.nc,
            self._declared_routes,
            Installation(settings.installation, settings.kafka, settings.partitions, settings.session_timeout_s),
            self._letters,
            write=self._traces.writer(self._write),
            routers={
                routes.ADMIT_COMMAND: command_router(
                    self.nc, self._letters, partitions=settings.partitions, max_bytes=settings.command_max_bytes
                ),
                routes.ADMIT_TIMER: timer_router(settings.partitions),
                routes.ADMIT_FOREIGN: foreign_router(settings.partitions),
            },
        )

    async def _repeat(self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        return await self._repeat_on(self._topics.events, partition, records, prepare)

    async def _repeat_sagas(self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]) -> Batch:
        return await self._repeat_on(self._topics.sagas, partition, records, prepare)

    async def _repeat_foreign(
        self, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]
    ) -> Batch:
        return await self._repeat_on(self._topics.foreign, partition, records, prepare)

    async def _repeat_on(
        self, topic: str, partition: int, records: Sequence[Record], prepare: Callable[[Batch], None]
    ) -> Batch:
        lane = self.lanes.lane(topic, partition)
        if lane is None:
            raise LookupError(f"no lane for partition {partition}")
        return await lane.repeat(records, prepare)

    def _saga_healed(self, partition: int, saga_id: str) -> None:
        self._saga_log.forget(partition)
        self.saga_index.take(partition, {sagas.NAME: [saga_id.encode()]}, 0)

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


try:
    app = PersonApp(Settings())
except AccessSettingError as error:
    sys.exit(f"person worker: setting {error}")
except TracesUnavailableError as error:
    sys.exit(f"person worker: {error}")
