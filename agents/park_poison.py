"""Agent park_poison: what the agents before it could not handle or must not get, to table `quarantine` and the dead letters.

Guarantee: an event that is parked is in the dead letters before the row that parks it is durable, and is there once."""

from __future__ import annotations

from agents.live_position import LivePositions
from agents.quarantine import wards_of
from bridge.dead_letters import DeadLetters
from lanes.agent import Batch, LaneAgent
from tables.quarantine import QuarantineTable


class ParkPoison(LaneAgent):
    """Stores the dead letters of a cycle and stages who is parked; runs behind all agents that have a ward."""

    name = "park_poison"

    def __init__(self, table: QuarantineTable, letters: DeadLetters, live: LivePositions | None = None) -> None:
        self.tables = (table.table,)
        self._table = table
        self._letters = letters
        self._live = live

    async def process(self, batch: Batch) -> None:
        """Store the letters, stage the rows."""
        wards = wards_of(batch).values()
        await self._letters.store_all(letter for ward in wards for letter in ward.letters())
        # What is parked now causes its effects when it is redriven, unless it has caused them before, as in tables that are filled anew.
        changing = any(ward.changes for ward in wards)
        live_after = await self._live.floor(batch.partition) if changing and self._live is not None else None
        for ward in wards:
            ward.stage(live_after)

    async def committed(self, batch: Batch) -> None:
        """Count who is parked now."""
        for ward in wards_of(batch).values():
            ward.committed()

    def forget(self, partition: int) -> None:
        """Drop what was counted; the rows tell it again."""
        self._table.forget(partition)
