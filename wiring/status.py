"""What a worker says of itself: whether it is ready, its status document, and the feed of the live page."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from bridge.running import RunningRoutes
from lanes.app import LaneApp
from queries.service import QueryService
from queries.status.document import StatusDocument, StatusSources
from queries.status.feed import StatusFeed
from queries.status.flow import Flow
from queries.status.health import Health
from queries.status.life import WorkerLife
from queries.status.readiness import Readiness
from queries.status.sections import owners_of
from queries.status.settings_told import settings_told
from wiring.foundation import Foundation
from wiring.log_ends import LogEnds
from wiring.opened_tables import OpenedTables
from wiring.shared_state import SharedState
from wiring.watches import Watches


@dataclass(frozen=True)
class Status:
    """All of it is told from memory."""

    health: Health
    document: StatusDocument
    feed: StatusFeed


def worker_status(
    app: LaneApp,
    base: Foundation,
    routes: RunningRoutes,
    tables: OpenedTables,
    shared: SharedState,
    queries: QueryService,
    life: WorkerLife,
    watches: Watches,
) -> Status:
    """The status of one worker. Its lanes are declared: their agents are among what must be registered."""
    logs = LogEnds(app)
    health = Health(_readiness(app, base, tables, queries).checks(), logs.lag)
    flow = Flow(app.lanes.lanes, lambda: (shared.flow.visible_seconds,), events=base.topics.events)
    sources = StatusSources(
        installation=base.settings.app_id,
        address=base.address,
        settings=settings_told(base.settings),
        tables=tables.worker,
        lanes=app.lanes.lanes,
        end_of_log=logs.end_of_log,
        owners=lambda: owners_of(app.assignor.external_topics_metadata(), base.topics.events),
        recovery=lambda: app.tables.recovery.status(),
        routes=routes.report,
        backlogs=watches.backlogs.counted,
        letters=base.letters.stored,
        held_letters=watches.held_letters,
        census=watches.sagas.counted,
        clocks=app.lane_producer.clocks,
        rules=shared.rules,
        policies=shared.policies,
    )
    document = StatusDocument(sources, health, flow, life)
    return Status(health, document, StatusFeed(flow.sample, lambda: orjson.dumps(document.told())))


def _readiness(app: LaneApp, base: Foundation, tables: OpenedTables, queries: QueryService) -> Readiness:
    return Readiness(
        nc=base.nc,
        tables=tables.worker,
        queries=queries,
        recovery=lambda: app.tables.recovery.status(),
        recovered=lambda: app.tables.recovery.completed.is_set(),
        rebalancing=lambda: app.rebalancing,
        stopping=lambda: app.should_stop,
        agents=app.lanes.agents(),
        registered=lambda: frozenset(name.removeprefix("agents.") for name in app.agents),
    )
