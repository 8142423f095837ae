"""What begins and ends with the ownership of partitions, and what a change of this generation's role changes for them."""

from __future__ import annotations

from dataclasses import dataclass

from agents.carrying import Carrying
from agents.catch_up import CatchUp, FoldedTopic
from agents.command_sender import CommandSender
from agents.serving import Role
from agents.serving_duties import ServingDuties
from lanes.runtime import Lanes
from queries.answering import Answering
from queries.status.life import WorkerLife
from wiring.declared_lanes import OF_PROCESSES_PER_CYCLE
from wiring.foundation import Foundation
from wiring.lane_records import LaneRecords
from wiring.opened_tables import OpenedTables
from wiring.owner_services import OwnerServices
from wiring.shared_state import SharedState


@dataclass(frozen=True)
class OwnedPartitions:
    """Follows the lanes of one worker and the register of generations."""

    partitions: int
    """How many there are in all."""
    lanes: Lanes
    role: Role
    tables: OpenedTables
    services: OwnerServices
    carrying: Carrying
    catch_up: CatchUp
    answering: Answering
    duties: ServingDuties
    sender: CommandSender
    life: WorkerLife

    async def started(self, partitions: frozenset[int]) -> None:
        """Serve these partitions, whose tables are recovered, and none beside them."""
        self.life.assignments += 1
        for partition in partitions:
            self.tables.load(partition)
            self.catch_up.take_over(partition)
        await self.stopping(frozenset(range(self.partitions)) - partitions)
        await self.tables.own(partitions)
        await self.services.own(partitions)
        await self.carrying.arrange(self.lanes.partitions)
        if self.role.register.term > 1:
            self.role.begin_again()

    async def stopping(self, partitions: frozenset[int]) -> None:
        """Serve these partitions no more; nothing is carried until the next start."""
        if partitions:
            self.sender.interrupt()
        await self.carrying.pause()
        await self.services.disown(partitions)
        await self.tables.disown(partitions)

    async def take_role(self) -> None:
        """Do what the register asks of this worker now; what it ends has ended when this returns."""
        await self.answering.hand_over()
        await self.carrying.arrange(self.lanes.partitions)
        if self.role.answers and self.role.register.phase == "serving":
            await self.duties.keep()
        # Before the first switch there is nothing that was folded while standing by.
        if self.role.term.number > 1:
            for partition in self.lanes.partitions:
                await self.catch_up.catch_up(partition)


def catch_up(base: Foundation, tables: OpenedTables, shared: SharedState, records: LaneRecords) -> CatchUp:
    """What lets events and sagas have the effects that they have not had."""
    topics = base.topics
    return CatchUp(
        base.nc,
        base.role,
        (
            FoldedTopic(
                base.route_to(topics.events),
                tables.worker.positions.applied,
                shared.live,
                records.repeat_on(topics.events),
            ),
            FoldedTopic(
                base.route_to(topics.sagas),
                tables.processes.positions.applied,
                shared.live_sagas,
                records.repeat_on(topics.sagas),
            ),
        ),
        partitions=base.settings.partitions,
        at_once=min(base.settings.lane_max_batch, OF_PROCESSES_PER_CYCLE),
    )
