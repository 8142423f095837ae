"""What a worker looks at from time to time, for metrics and the status page: sagas, streams, backlogs of routes, its own event loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.backlog import RouteBacklogs
from bridge.running import RunningRoutes
from config import streams
from lanes.runtime import Lanes
from queries.dead_letters.census import OpenLetter
from queries.process_metrics import LoopLag
from queries.saga_census import SagaCensus
from queries.stream_census import TELLING_PARTITION, StreamCensus
from wiring.foundation import Foundation
from wiring.opened_tables import OpenedTables


@dataclass(frozen=True)
class Watches:
    """They count while they run; lanes pay nothing for it."""

    lanes: Lanes
    sagas: SagaCensus
    backlogs: RouteBacklogs
    streams: StreamCensus
    loop: LoopLag

    def start(self) -> None:
        """Begin to count; the connection is open."""
        for watch in (self.sagas, self.backlogs, self.streams, self.loop):
            watch.start()

    async def stop(self) -> None:
        """Count no more."""
        for watch in (self.sagas, self.backlogs, self.streams, self.loop):
            await watch.stop()

    def held_letters(self) -> Mapping[tuple[str, str], int] | None:
        """The open dead letters by consumer and cause; None on a worker that is not the one to tell of them."""
        return self.streams.dead_letters() if TELLING_PARTITION in self.lanes.partitions else None


def watches(base: Foundation, tables: OpenedTables, routes: RunningRoutes, lanes: Lanes) -> Watches:
    """What is watched on one worker."""
    settings = base.settings

    async def open_letters() -> Iterable[OpenLetter]:
        desk = tables.worker.dead_letters
        return () if desk is None else await desk.census.open_letters()

    return Watches(
        lanes,
        SagaCensus(tables.processes.index, tables.worker.owned),
        RouteBacklogs(base.nc, routes),
        StreamCensus(
            base.nc,
            [declared["name"] for declared in streams.streams(settings.partitions, settings.replicas)],
            open_letters,
            tables.worker.owned,
        ),
        LoopLag(),
    )
