"""Events count once when they become visible, commands once when they are decided, under types of the catalogues; nothing that was sent can stop it."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from agents.command_intake import PendingCommand, decided
from agents.flow_measures import OTHER, FlowMeasures, stored_s
from agents.measure_commands import MeasureCommands
from agents.measure_events import MeasureEvents
from bridge import headers
from domain.commands import read_command
from domain.outcomes import Outcome
from lanes.agent import Batch
from lanes.record import Record
from ops.client import CommandMessage
from tables.position import AppliedPositions
from tests.monitoring.records import suspended

PERSON = str(uuid.uuid4())


def record(sequence: int, since_s: float = 0.0, **changes: Any) -> Record:
    """An event that was stored so many seconds ago."""
    return suspended(PERSON, sequence, time.time() - since_s, **changes)


async def measured(positions: AppliedPositions, *records: Record) -> FlowMeasures:
    measures = FlowMeasures()
    agent, batch = MeasureEvents(positions, measures), Batch(0, records, {})
    await agent.process(batch)
    positions.advance(0, max(one.offset for one in records))
    await agent.committed(batch)
    return measures


async def test_an_event_counts_by_type_and_by_the_time_since_it_was_stored() -> None:
    measures = await measured(AppliedPositions(), record(1, 20), record(2, 20), record(3))

    assert measures.events == {"person.suspended": 3}
    assert measures.visible_seconds.observed == 3
    assert measures.visible_seconds.total == pytest.approx(40, abs=10)


async def test_what_a_partition_has_applied_before_counts_no_more() -> None:
    positions = AppliedPositions()
    positions.advance(0, 2)

    measures = await measured(positions, record(1), record(2), record(3))

    assert measures.events == {"person.suspended": 1}


async def test_an_event_of_an_unknown_type_counts_as_other_and_no_time_is_below_zero() -> None:
    measures = await measured(AppliedPositions(), record(1, -3600), record(2, type="person.teleported"))

    assert measures.events == {"person.suspended": 1, OTHER: 1}
    assert measures.visible_seconds.counts[0] >= 1
    assert 0 <= measures.visible_seconds.total < 60


def test_a_record_that_the_bridge_did_not_write_has_its_own_time() -> None:
    assert stored_s(Record(0, b"", b"", {}, 5000)) == 5
    assert stored_s(Record(0, b"", b"", {headers.STORED: b"soon"}, 5000)) == 5


async def test_a_command_counts_by_type_and_outcome_and_one_without_a_form_as_other() -> None:
    measures, batch = FlowMeasures(), Batch(0, (), {})
    body = CommandMessage("person.commands.lifecycle.suspend", {"reason": "test"}, PERSON).envelope()
    raw = json.dumps(body).encode()
    command = read_command(
        raw, subject="person.commands.lifecycle.suspend", stored_at=headers.stored_at(record(1).headers)
    )
    decided(batch).extend(
        [
            PendingCommand(record(1), "c-1", "", command, Outcome.accepted("c-1", PERSON, 2)),
            PendingCommand(record(2), "c-2", "", command, Outcome.failed("unavailable", command_id="c-2")),
            PendingCommand(record(3, 20), "c-3", "", None, Outcome.failed("internal_error", command_id="c-3")),
        ]
    )
    agent = MeasureCommands(measures)
    await agent.process(batch)

    await agent.committed(batch)

    assert measures.commands == {
        ("person.commands.lifecycle.suspend", "accepted", ""): 1,
        ("person.commands.lifecycle.suspend", "failed", "unavailable"): 1,
        (OTHER, "failed", "internal_error"): 1,
    }
    assert measures.decided_seconds.observed == 3
