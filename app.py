"""The Faust application: from settings to a worker, and the list of what it starts and stops. How its parts meet is in `wiring/`.

`faust -A app worker` runs it; `person worker` does the same with checks and one clear line when a server is missing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from aiokafka.errors import KafkaError
from faust.types import TP
from nats.errors import Error as NatsError
from yarl import URL

from agents.serving_duties import ServingDuties
from bridge.connection import connect
from bridge.errors import BridgeError
from bridge.reports import ROUTES, STATUS, WorkerReports
from bridge.streams import ensure_stream
from bridge.topics import ensure_topics
from config import streams, topics
from config.settings import Settings
from connections.errors import AccessSettingError
from lanes.app import LaneApp
from queries.answering import Answering
from queries.authorisation.adapters import adapter_of
from queries.authorisation.denials import Audited
from queries.authorisation.page_guard import page_guard
from queries.endpoints import ENDPOINTS
from queries.index.database import UnfitSqliteError
from queries.pages import add_pages
from queries.service import QueryService
from queries.status.life import WorkerLife
from tracing.otlp import TracesUnavailableError
from wiring.agents import agents_of
from wiring.declared_lanes import declare_lanes
from wiring.faust_options import faust_options
from wiring.foundation import lay_foundation
from wiring.handed_positions import handed_over
from wiring.lane_records import LaneRecords
from wiring.metric_sources import worker_metrics
from wiring.opened_tables import open_tables
from wiring.owner_services import owner_services
from wiring.partitions import OwnedPartitions, catch_up
from wiring.running_routes import carrying, running_routes
from wiring.shared_state import shared_state
from wiring.status import worker_status
from wiring.watches import watches


class PersonApp(LaneApp):
    """The lanes, the bridge and the queries of one worker. Everything that follows partition ownership is started and stopped with it."""

    def __init__(self, settings: Settings) -> None:
        adapter = adapter_of(settings.access, settings.grants_file, queries=ENDPOINTS)
        access = Audited(adapter.authorise)
        super().__init__(settings.app_id, **faust_options(settings, page_guard(access, adapter.principal_of)))
        self.settings = settings
        self.stop_budget_s = settings.stop_budget_s
        base = lay_foundation(settings)
        records = LaneRecords(self.lanes, self.lane_writer)

        shared = shared_state(base)
        routes = running_routes(base, records)
        tables = open_tables(self, base, routes, shared.rules)
        queries = QueryService(
            base.nc, tables.worker, app_id=settings.app_id, authorise=access, endpoints=base.traces.questions(ENDPOINTS)
        )
        base.traces.follow_subscriptions(queries)
        agents = agents_of(base, tables, shared, queries, self.ownership)
        declare_lanes(self, base, agents)

        life = WorkerLife(settings.data_dir)
        answering = Answering(base.nc, base.role, queries)
        duties = ServingDuties(
            base.nc,
            base.role,
            partitions=settings.partitions,
            inactivity_sweep=settings.inactivity_sweep,
            registers_shipped=settings.shipped_policies,
        )
        owned = OwnedPartitions(
            partitions=settings.partitions,
            lanes=self.lanes,
            role=base.role,
            tables=tables,
            services=owner_services(base, tables, agents, self.lanes, records, queries, answering),
            carrying=carrying(base, routes, records),
            catch_up=catch_up(base, tables, shared, records),
            answering=answering,
            duties=duties,
            sender=shared.sender,
            life=life,
        )
        self.lanes.on_started.append(owned.started)
        self.lanes.on_stopping.append(owned.stopping)
        self.before_recovery.append(self._doubt_role)
        base.role.on_changed.append(owned.take_role)

        watched = watches(base, tables, routes, self.lanes)
        status = worker_status(self, base, routes, tables, shared, queries, life, watched)
        metrics = worker_metrics(
            self, base, access, routes, tables, shared, queries, agents.sweep_inactivity, owned, watched
        )
        add_pages(self, status.health, status.document, status.feed, metrics)
        reports = {ROUTES: routes.report, STATUS: status.document.told}

        self.nc = base.nc
        self._base = base
        self._shared = shared
        self._routes = routes
        self._opened = tables
        self._queries = queries
        self._owned = owned
        self._handed = handed_over(base, tables, records, self.lanes)
        self._watched = watched
        self._feed = status.feed
        self._reports = WorkerReports(base.nc, settings.app_id, base.address, reports)

    async def on_first_start(self) -> None:
        """Connect, create or check what must exist, and offer the queries, before Faust joins its group."""
        # Under this address the workers name each other; Faust's command takes all pages for pages in clear.
        self.conf.canonical_url = URL(f"{self.settings.pages.scheme}://{self._base.address}")
        try:
            await self._connect()
        except (BridgeError, KafkaError, NatsError) as error:
            # One line for the operator instead of the stack of a service tree.
            sys.exit(f"person worker: {error}")
        await self._queries.start(self._owned.answering.subjects())
        await self._reports.start()
        self._watched.start()
        self._feed.start()
        await self._base.role.start()
        self._handed.start()
        await super().on_first_start()

    async def _connect(self) -> None:
        settings, role = self.settings, self._base.role
        name = f"{settings.app_id} worker {settings.http_port}"
        await connect(self.nc, settings.nats, name=name, on_closed=self._connection_closed)
        for declared in streams.streams(settings.stored_partitions, settings.replicas):
            await ensure_stream(self.nc, declared)
        await role.begin(settings.partitions)
        if role.answers:
            await self._owned.duties.keep()
        await ensure_topics(settings.kafka, topics.declared_by(settings))
        await self._routes.check()
        await self._shared.start()
        await self.lane_producer.start()
        await self.lane_writer.start()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self._owned.life.begin()

    async def on_stop(self) -> None:
        """Withdraw the queries and disconnect after routes, lanes and consumer have stopped."""
        await self._handed.stop()
        await self._base.role.stop()
        await self._owned.carrying.stop()
        await super().on_stop()
        await asyncio.gather(self._queries.stop(), self._reports.stop(), self._shared.stop())
        await self._watched.stop()
        await self._opened.stop()
        if self.nc.is_connected:
            # Outcomes that were published last leave before the connection does.
            with contextlib.suppress(NatsError):
                await self.nc.flush(timeout=2)
        await self.nc.close()
        await self._base.traces.close()
        # Last, so that whoever watches sees the worker drain; the web server stops behind it.
        await self._feed.stop()
        self._owned.life.end()

    async def _doubt_role(self, _: frozenset[TP]) -> None:
        await self._base.role.doubt()

    def _connection_closed(self) -> None:
        if not self.should_stop:
            # A worker without NATS holds partitions and serves nobody. Nothing is lost by ending at once: lanes commit
            # only what is durable, and the supervisor starts a new worker.
            self.log.critical("the connection to NATS was closed for good; the worker ends")
            os._exit(1)


try:
    app = PersonApp(Settings())
except AccessSettingError as error:
    sys.exit(f"person worker: setting {error}")
except (BridgeError, TracesUnavailableError, UnfitSqliteError) as error:
    sys.exit(f"person worker: {error}")
