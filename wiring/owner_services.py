"""What this worker answers for the partitions that it owns: forwarded queries, acts of operators, inspections, and its generation's state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from agents.healing import Healer
from agents.redrive import Redriver
from agents.redrive_foreign import ForeignRedriver
from lanes.runtime import Lanes
from queries.answering import Answering
from queries.generation_reports import GenerationReports
from queries.inspection import Inspection
from queries.operations import Operations
from queries.service import QueryService
from wiring.agents import Agents
from wiring.foundation import Foundation
from wiring.lane_records import LaneRecords
from wiring.opened_tables import OpenedTables


@dataclass(frozen=True)
class OwnerServices:
    """All of them begin and end with the ownership of a partition."""

    queries: QueryService
    operations: Operations
    inspection: Inspection
    reports: GenerationReports

    async def own(self, partitions: frozenset[int]) -> None:
        """Answer for partitions."""
        await asyncio.gather(
            self.queries.own(partitions),
            self.operations.own(partitions),
            self.inspection.own(partitions),
            self.reports.own(partitions),
        )

    async def disown(self, partitions: frozenset[int]) -> None:
        """Answer for them no more."""
        await asyncio.gather(
            self.queries.disown(partitions),
            self.operations.disown(partitions),
            self.inspection.disown(partitions),
            self.reports.disown(partitions),
        )


def owner_services(
    base: Foundation,
    tables: OpenedTables,
    agents: Agents,
    lanes: Lanes,
    records: LaneRecords,
    queries: QueryService,
    answering: Answering,
) -> OwnerServices:
    """The services of one worker, which owns nothing yet."""
    app_id = base.settings.app_id
    repeat = records.repeat_on(base.topics.events)
    redriver = Redriver(
        tables.worker.quarantine,
        base.log,
        base.letters,
        repeat,
        # What it has appended may rest on the discarded event.
        on_discarded=agents.decide_person.forget,
        others_up_to=lambda: base.role.register.events_up_to,
    )

    def report(partition: int) -> dict[str, Any]:
        running = {topic: lanes.lane(topic, partition) for topic in base.topics}
        return {
            "unfinished": {topic: 0 if lane is None else lane.unfinished for topic, lane in running.items()},
            "through": base.role.done,
            "parked": tables.worker.quarantine.parked_in(partition),
            "answers": answering.answers_clients(),
            "events": tables.worker.positions.applied(partition),
            "sagas": tables.processes.positions.applied(partition),
        }

    return OwnerServices(
        queries,
        Operations(
            base.nc,
            redriver,
            ForeignRedriver(base.nc, records.repeat_on(base.topics.foreign)),
            app_id=app_id,
            agents=frozenset(agent.name for agent in agents.events),
            acts=lambda: base.role.acts,
        ),
        Inspection(base.nc, tables.worker, Healer(repeat, records.repeat_on(base.topics.sagas)), app_id=app_id),
        GenerationReports(base.nc, app_id, report),
    )
