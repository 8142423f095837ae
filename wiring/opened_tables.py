"""All tables of a worker and what is derived from them: how far they are applied, and the indexes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.rule_book import RuleBook
from agents.saga_reading import SagaHistory
from bridge.running import RunningRoutes
from lanes.app import LaneApp
from lanes.table import LaneTable
from lanes.table_memory import TableMemory
from queries.dead_letters.desk import DeadLetterDesk, DeskSettings
from queries.index.feed import IndexFeed
from queries.processes import SAGA_SOURCES, Processes
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
from wiring.foundation import Foundation


@dataclass(frozen=True)
class OpenedTables:
    """The tables of one worker; they share one memory."""

    worker: WorkerTables
    processes: Processes
    index: IndexFeed
    memory: TableMemory

    def all(self) -> Sequence[LaneTable]:
        """Every table, those that are folds of person.events first."""
        return (
            *self.worker.on_events(),
            self.worker.outcomes.table,
            self.worker.policies.table,
            self.worker.quarantine.table,
            self.processes.sagas.table,
        )

    def load(self, partition: int) -> None:
        """Learn from the recovered tables of a partition what is kept of them in memory."""
        self.worker.load_position(partition)
        self.processes.load_position(partition)
        self.worker.quarantine.load(partition)

    async def own(self, partitions: frozenset[int]) -> None:
        """Let the indexes follow the tables of partitions."""
        await self.index.own(partitions, self.worker.on_events())
        await self.processes.index.own(partitions, [self.processes.sagas.table])

    async def disown(self, partitions: frozenset[int]) -> None:
        """Let the indexes follow them no more."""
        await asyncio.gather(self.index.disown(partitions), self.processes.index.disown(partitions))

    async def stop(self) -> None:
        """Close the indexes."""
        await asyncio.gather(self.index.stop(), self.processes.index.stop())


def open_tables(app: LaneApp, base: Foundation, routes: RunningRoutes, rules: RuleBook) -> OpenedTables:
    """The tables of the application; each is opened on disk when its partition is assigned. Raises UnfitSqliteError."""
    settings = base.settings
    memory = TableMemory(
        settings.table_memory_bytes,
        write_buffer_bytes=settings.write_buffer_bytes,
        open_files=settings.table_open_files,
    )

    def table(name: str, about: str | None) -> LaneTable:
        return LaneTable(
            app, name, about=(about or "").partition("\n")[0], partitions=settings.partitions, memory=memory
        )

    positions = AppliedPositions()
    index = IndexFeed(settings.data_dir / "index", positions)
    processes = _processes(base, table, rules)
    base.traces.follow_index(base.topics.events, index)
    base.traces.follow_index(base.topics.sagas, processes.index)
    worker = WorkerTables(
        partitions=settings.partitions,
        persons=PersonsTable(table(persons.NAME, persons.__doc__), settings.cached_persons),
        summary=SummaryTable(table(summary.NAME, summary.__doc__)),
        search=SearchTable(table(search.NAME, search.__doc__)),
        skills=SkillsTable(table(skills.NAME, skills.__doc__)),
        network=NetworkTable(table(network.NAME, network.__doc__)),
        views=ViewsTable(table(views.NAME, views.__doc__)),
        timeline=TimelineTable(table(timeline.NAME, timeline.__doc__)),
        statistics=StatisticsTable(table(statistics.NAME, statistics.__doc__)),
        outcomes=OutcomesTable(table(outcomes.NAME, outcomes.__doc__)),
        policies=PoliciesTable(table(policies.NAME, policies.__doc__)),
        quarantine=QuarantineTable(table(quarantine.NAME, quarantine.__doc__)),
        positions=positions,
        index=index,
        processes=processes,
        log=base.log,
        owned=lambda: app.lanes.partitions,
        dead_letters=_desk(base, routes),
        max_row_bytes=settings.changelog_max_bytes // 2,
    )
    return OpenedTables(worker, processes, index, memory)


def _processes(base: Foundation, table: Callable[[str, str | None], LaneTable], rules: RuleBook) -> Processes:
    settings = base.settings
    positions = AppliedPositions()
    return Processes(
        sagas=SagasTable(table(sagas.NAME, sagas.__doc__)),
        positions=positions,
        index=IndexFeed(settings.data_dir / "index-sagas", positions, SAGA_SOURCES),
        history=SagaHistory(base.nc, settings.partitions, settings.stored_partitions),
        rules=rules,
    )


def _desk(base: Foundation, routes: RunningRoutes) -> DeadLetterDesk:
    settings = base.settings
    return DeadLetterDesk(
        base.nc,
        base.log,
        routes,
        DeskSettings(
            settings.app_id,
            settings.partitions,
            settings.command_max_bytes,
            base.topics.commands,
            base.topics.foreign,
        ),
    )
