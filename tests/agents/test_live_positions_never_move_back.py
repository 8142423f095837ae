"""Live positions in JetStream: written by whoever owns a partition, never moved back, and kept where no Kafka group can reset them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from agents.live_position import LivePositions, position_subject
from bridge import read
from config.streams import POSITIONS

if TYPE_CHECKING:
    from tests.agents.conftest import Persons


@pytest.fixture
def log() -> str:
    """Positions that no worker writes."""
    return f"test-{uuid.uuid4().hex}"


async def test_a_new_owner_begins_where_the_last_one_ended(persons: Persons, log: str) -> None:
    first, second = LivePositions(persons.nc, log), LivePositions(persons.nc, log)
    assert await first.floor(0) == 0

    first.advance(0, 17)
    first.advance(0, 12)
    await first.write()

    assert (await first.floor(0), first.reached(0)) == (0, 17)
    assert (await second.floor(0), second.reached(0)) == (17, 0)
    first.forget(0)
    assert await first.floor(0) == 17


async def test_who_was_replaced_moves_nothing_back(persons: Persons, log: str) -> None:
    replaced, owner = LivePositions(persons.nc, log), LivePositions(persons.nc, log)
    replaced.advance(0, 5)
    owner.advance(0, 9)
    await owner.write()
    await replaced.write()

    assert await LivePositions(persons.nc, log).floor(0) == 9
    # Told of it, it does not ask again.
    before = await read.last_message(persons.nc, POSITIONS, position_subject(0, log))
    await replaced.write()
    assert await read.last_message(persons.nc, POSITIONS, position_subject(0, log)) == before


async def test_what_was_reached_is_written_at_the_end(persons: Persons, log: str) -> None:
    positions = LivePositions(persons.nc, log)
    positions.start()
    positions.advance(3, 40)
    positions.advance(4, 41)
    await positions.stop()

    after = LivePositions(persons.nc, log)
    assert (await after.floor(3), await after.floor(4), await after.floor(5)) == (40, 41, 0)
