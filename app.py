"""The Faust application and its wiring, nothing else: settings, tables, agents, bridge and queries meet here.

`faust -A app worker` runs it; `person worker` does the same with checks and one clear line when a server is missing."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import sys

from aiokafka.errors import KafkaError
from nats.aio.client import Client
from nats.errors import Error as NatsError

from agents.admit_command import command_router
from agents.decide_person import DecidePerson
from agents.fold_persons import FoldPersons
from agents.project_summary import ProjectSummary
from agents.project_timeline import ProjectTimeline
from agents.reading import EventLog
from bridge.connection import connect
from bridge.dead_letters import DeadLetters
from bridge.errors import BridgeError
from bridge.ingress import IngressLane, KafkaRecord, Router, stop_all
from bridge.routing import by_subject_tokens
from bridge.streams import ensure_consumer, ensure_stream
from bridge.topics import ensure_topics
from config import streams, topics
from config.settings import Settings
from lanes.agent import register
from lanes.app import LaneApp
from lanes.producer import DurableProducer
from lanes.record import Record
from lanes.runtime import LaneSettings
from lanes.table import LaneTable, raw_schema
from queries.pages import add_pages
from queries.service import QueryService
from queries.tables_of_worker import WorkerTables
from tables import outcomes, persons, summary, timeline
from tables.outcomes import OutcomesTable
from tables.persons import PersonsTable
from tables.position import AppliedPositions
from tables.summary import SummaryTable
from tables.timeline import TimelineTable

COMMANDS_PER_CYCLE = 250
"""A command emits at most three events, so a cycle of one person's commands fits one atomic batch."""


class PersonApp(LaneApp):
    """The lanes, the bridge and the queries of one worker. Everything that follows partition ownership is started and stopped with it."""

    def __init__(self, settings: Settings) -> None:
        # Two connections: the broker answers one request a connection at a time, and a lane's commit must not wait behind
        # records that are only carried.
        producer, writer = (
            DurableProducer(
                settings.kafka_bootstrap,
                client_id=f"{settings.app_id}-{name}",
                max_batch_bytes=settings.changelog_max_bytes // 8,
            )
            for name in ("lanes", "ingress")
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
            ),
            producer=producer,
            writer=writer,
        )
        self.settings = settings
        self.nc = Client()
        self._ingress: list[IngressLane] = []
        self._letters = DeadLetters(self.nc, "person.dlq")
        self._log = EventLog(self.nc)
        self.worker_tables = WorkerTables(
            partitions=settings.partitions,
            persons=PersonsTable(self._table(persons.NAME, persons.__doc__), settings.cached_persons),
            summary=SummaryTable(self._table(summary.NAME, summary.__doc__)),
            timeline=TimelineTable(self._table(timeline.NAME, timeline.__doc__)),
            outcomes=OutcomesTable(self._table(outcomes.NAME, outcomes.__doc__)),
            positions=AppliedPositions(),
            log=self._log,
            owned=lambda: self.lanes.partitions,
        )
        self._declare_agents()
        self.queries = QueryService(self.nc, self.worker_tables, app_id=settings.app_id)
        self.lanes.on_started.append(self._partitions_started)
        self.lanes.on_stopping.append(self._partitions_stopping)
        add_pages(self, self.nc, self.worker_tables)

    async def on_first_start(self) -> None:
        """Connect, create or check what must exist, and offer the queries, before Faust joins its group."""
        try:
            await self._connect()
        except (BridgeError, KafkaError, NatsError) as error:
            # One line for the operator instead of the stack of a service tree.
            sys.exit(f"person worker: {error}")
        await self.queries.start()
        await super().on_first_start()

    async def _connect(self) -> None:
        name = f"{self.settings.app_id} worker {self.settings.http_port}"
        await connect(self.nc, self.settings.nats_url, name=name, on_closed=self._connection_closed)
        for declared in streams.streams(self.settings.partitions, self.settings.replicas):
            await ensure_stream(self.nc, declared)
        for stream, consumer in streams.ingress_consumers(self.settings.partitions):
            await ensure_consumer(self.nc, stream, consumer)
        await ensure_topics(self.settings.kafka_bootstrap, topics.declared_by(self.settings))
        await self.lane_producer.start()
        await self.lane_writer.start()
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)

    async def on_stop(self) -> None:
        """Withdraw the queries and disconnect after lanes and consumer have stopped."""
        await super().on_stop()
        await self.queries.stop()
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
            block_cache_bytes=self.settings.block_cache_bytes,
            write_buffer_bytes=self.settings.write_buffer_bytes,
        )

    def _declare_agents(self) -> None:
        tables = self.worker_tables
        event_agents = [
            FoldPersons(
                tables.persons,
                tables.positions,
                self._log,
                self._letters,
                max_state_bytes=self.settings.changelog_max_bytes // 2,
            ),
            ProjectSummary(tables.summary, self._letters),
            ProjectTimeline(tables.timeline, self._log, self._letters),
        ]
        command_agents = [
            DecidePerson(
                tables.outcomes,
                tables.persons,
                self.nc,
                self._log,
                self._letters,
                remembered=self.settings.cached_persons,
                # A command may bring a row near its bound; the fold then still has room for what grows without commands.
                max_state_bytes=self.settings.changelog_max_bytes // 4,
            )
        ]
        commands_per_cycle = min(self.settings.lane_max_batch, COMMANDS_PER_CYCLE)
        for topic, agents, max_batch, fold_ahead in (
            # JetStream is the truth of events: tables may be ahead of Kafka, never of JetStream.
            (topics.EVENTS, event_agents, self.settings.lane_max_batch, True),
            # Commands of one stream feed all partitions; one that is slow must not hold up the others' way into Kafka.
            (topics.COMMANDS, command_agents, commands_per_cycle, False),
        ):
            source = self.topic(topic, schema=raw_schema(), partitions=self.settings.partitions, internal=True)
            self.lanes.declare(topic, agents, max_batch=max_batch, fold_ahead=fold_ahead)
            for agent in agents:
                register(self, source, agent)

    async def _partitions_started(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            self.worker_tables.load_position(partition)
        await self._partitions_stopping(frozenset(range(self.settings.partitions)) - partitions)
        await self.queries.own(partitions)
        event_route = by_subject_tokens(partition=4, key=5)
        lanes = [
            self._ingress_lane(streams.EVENTS, streams.event_ingress(partition), topics.EVENTS, event_route)
            for partition in partitions
        ]
        if 0 in partitions:
            route = command_router(
                self.nc, self._letters, partitions=self.settings.partitions, max_bytes=self.settings.command_max_bytes
            )
            lanes.append(self._ingress_lane(streams.COMMANDS, streams.COMMAND_INGRESS, topics.COMMANDS, route))
        for lane in lanes:
            lane.start()
        self._ingress = lanes

    async def _partitions_stopping(self, partitions: frozenset[int]) -> None:
        lanes, self._ingress = self._ingress, []
        await asyncio.gather(stop_all(lanes), self.queries.disown(partitions))

    def _ingress_lane(self, stream: str, consumer: str, topic: str, route: Router) -> IngressLane:
        declared = streams.ingress_consumer(self.settings.partitions, consumer)
        return IngressLane(
            self.nc,
            stream=stream,
            consumer=consumer,
            topic=topic,
            route=route,
            write=self._write,
            batch=self.settings.ingress_batch,
            ensure=functools.partial(ensure_consumer, self.nc, stream, declared),
        )

    async def _write(self, topic: str, by_partition: dict[int, list[KafkaRecord]]) -> None:
        await self.lanes.write(
            topic,
            {
                partition: [Record(-1, one.key, one.value, dict(one.headers), one.timestamp_ms) for one in records]
                for partition, records in by_partition.items()
            },
        )


app = PersonApp(Settings())
