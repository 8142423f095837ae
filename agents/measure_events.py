"""Agent measure_events: how many events of each type become visible, and how long after they were stored.

Guarantee: an event counts once per owner of its partition; what comes again after a crash or by a redrive is not new and does not count. No
row and no message comes of it."""

from __future__ import annotations

import time

from agents.flow_measures import OTHER, FlowMeasures, stored_s
from agents.reading import decoded
from domain.event_catalogue import EVENTS
from domain.events import Event
from lanes.agent import Batch, LaneAgent
from tables.position import AppliedPositions


class MeasureEvents(LaneAgent):
    """Measures a cycle once readers see it; runs right behind the agent that moves the position."""

    name = "measure_events"

    def __init__(self, positions: AppliedPositions, measures: FlowMeasures) -> None:
        self._positions = positions
        self._measures = measures

    async def process(self, batch: Batch) -> None:
        """Note how far the partition was before the cycle."""
        applied = self._positions.applied(batch.partition)
        batch.once("applied before", lambda: applied)

    async def committed(self, batch: Batch) -> None:
        """Count what is visible now."""
        before: int = batch.once("applied before", int)
        visible = [
            one for arrivals in decoded(batch).by_person.values() for one in arrivals if one.stream_sequence > before
        ]
        now = time.time()
        self._measures.events.update([_type_of(one.event) for one in visible])
        # The clocks of two machines may differ by more than it took.
        self._measures.visible_seconds.observe_all(
            [late if (late := now - stored_s(one.record)) > 0 else 0.0 for one in visible]
        )


def _type_of(event: Event | None) -> str:
    return event.type if event is not None and event.type in EVENTS else OTHER
