"""Where positions of events and of sagas stand that this generation was handed over."""

from __future__ import annotations

from agents.handed_over import HandedOver, HandedTopic
from lanes.runtime import Lanes
from wiring.foundation import Foundation
from wiring.lane_records import LaneRecords
from wiring.opened_tables import OpenedTables


def handed_over(base: Foundation, tables: OpenedTables, records: LaneRecords, lanes: Lanes) -> HandedOver:
    """What brings positions on; while this generation does not act, it was handed over nothing."""
    role, topics = base.role, base.topics
    return HandedOver(
        base.nc,
        (
            HandedTopic(
                base.route_to(topics.events),
                lambda: role.term.events_up_to if role.acts else 0,
                tables.worker.positions,
                records.repeat_on(topics.events),
            ),
            HandedTopic(
                base.route_to(topics.sagas),
                lambda: role.term.sagas_up_to if role.acts else 0,
                tables.processes.positions,
                records.repeat_on(topics.sagas),
            ),
        ),
        base.settings.partitions,
        lambda: lanes.partitions,
    )
