"""Everything that `/metrics` of a worker tells, and who tells it."""

from __future__ import annotations

from agents.sweep_inactivity import SweepInactivity
from bridge.running import RunningRoutes
from lanes.app import LaneApp
from queries.authorisation.denials import Audited, of_denials
from queries.flow_metrics import of_flow, of_queries
from queries.foreign_metrics import of_neighbours
from queries.lane_metrics import of_cycles, of_lag, of_lanes
from queries.metrics import WorkerMetrics, of_dead_letters, of_index, of_recovery, of_subscriptions, of_tables
from queries.policy_metrics import of_policies
from queries.process_metrics import Disturbances, of_clocks, of_connection, of_disturbances, of_process
from queries.route_metrics import of_backlogs, of_routes
from queries.saga_metrics import of_sagas
from queries.service import QueryService
from queries.status.life import WorkerLife
from queries.storage_metrics import of_open_letters, of_storage, of_streams, of_trimming
from queries.sweep_metrics import of_sweeps
from queries.trace_metrics import of_traces
from wiring.foundation import Foundation
from wiring.log_ends import LogEnds
from wiring.opened_tables import OpenedTables
from wiring.partitions import OwnedPartitions
from wiring.shared_state import SharedState
from wiring.watches import Watches


def worker_metrics(
    app: LaneApp,
    base: Foundation,
    access: Audited,
    routes: RunningRoutes,
    tables: OpenedTables,
    shared: SharedState,
    queries: QueryService,
    sweep: SweepInactivity,
    partitions: OwnedPartitions,
    watches: Watches,
) -> WorkerMetrics:
    """The metrics of one worker, each part read from its source at the scrape."""
    metrics = WorkerMetrics()
    for source in (
        of_process(watches.loop),
        of_connection(base.nc),
        of_disturbances(lambda: _disturbances(app, partitions.life)),
        of_clocks(lambda: app.lane_producer.clocks),
        of_lanes(app.lanes.lanes),
        of_lag(app.lanes.lanes, LogEnds(app).end_of_log),
        of_cycles(app.lanes.measures),
        of_flow(shared.flow),
        of_queries(queries.measures),
        of_tables(tables.worker),
        of_storage(tables.all, tables.worker.owned, tables.memory, base.settings.data_dir),
        of_streams(watches.streams),
        of_open_letters(watches.streams),
        of_trimming(lambda: partitions.carrying.trimming),
        of_index(tables.index),
        of_dead_letters(base.letters.stored),
        of_routes(routes.report),
        of_backlogs(watches.backlogs.counted),
        of_recovery(lambda: app.tables.recovery.status()),
        of_subscriptions(queries.subscriptions),
        of_policies(shared.rules, shared.policies),
        of_neighbours(shared.neighbours),
        of_sagas(watches.sagas.counted, shared.sagas),
        of_sweeps(sweep),
        of_traces(base.traces.recorder),
        of_denials(access),
    ):
        metrics.add(source)
    return metrics


def _disturbances(app: LaneApp, life: WorkerLife) -> Disturbances:
    recovery = app.tables.recovery
    told = life.told()
    return Disturbances(
        rebalances=app.rebalancing_count,
        recoveries=recovery.recoveries,
        recovering_seconds=recovery.recovering_seconds,
        starts=told["starts"],
        killed_in_last_hour=told["killed_in_last_hour"],
    )
