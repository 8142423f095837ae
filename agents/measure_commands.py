"""Agent measure_commands: how many commands got which outcome, and how long after they were stored it was told.

Guarantee: only commands that were decided in the cycle count, not those that came again and got their first outcome. No row and no message comes
of it."""

from __future__ import annotations

import time

from agents.command_intake import decided
from agents.flow_measures import OTHER, FlowMeasures, stored_s
from lanes.agent import Batch, LaneAgent


class MeasureCommands(LaneAgent):
    """Measures a cycle once its outcomes are told; runs behind the agents that decide."""

    name = "measure_commands"

    def __init__(self, measures: FlowMeasures) -> None:
        self._measures = measures

    async def process(self, batch: Batch) -> None:
        """Nothing to fold."""

    async def committed(self, batch: Batch) -> None:
        """Count what was decided."""
        now = time.time()
        for one in decided(batch):
            assert one.outcome is not None
            command_type = OTHER if one.command is None else one.command.type
            self._measures.commands[command_type, one.outcome.status, one.outcome.code or ""] += 1
            self._measures.decided_seconds.observe(max(0.0, now - stored_s(one.record)))
