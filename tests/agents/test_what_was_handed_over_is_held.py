"""A position of another generation counts as reached once nothing of the partition lacks below it, and never before."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from agents.handed_over import HandedOver, HandedTopic
from bridge import headers
from bridge.routes import IngressRoute
from config.settings import Settings
from domain.partitions import partition_of
from ops.installation import routes_of
from tables.position import AppliedPositions

if TYPE_CHECKING:
    from tests.agents.conftest import Persons, Worker

P = 3
PARTITIONS = 8


@pytest.fixture
async def up_to(persons: Persons) -> tuple[str, int]:
    """A person of the partition, and the place of a later event of another partition, up to which a generation has served."""
    ada, other = persons.new(), str(uuid.uuid4())
    while partition_of(other, PARTITIONS) == P:
        other = str(uuid.uuid4())
    await persons.append(ada, "Ada")
    await persons.append(other, "Grace")
    return ada, headers.source((await persons.stored(other))[0].headers)[1]


def handed_over(worker: Worker, up_to: int) -> HandedOver:
    [route] = [one for one in routes_of(Settings(partitions=PARTITIONS)) if one.name == "events"]
    assert isinstance(route, IngressRoute)
    topic = HandedTopic(route, lambda: up_to, worker.positions, worker.repeat)
    return HandedOver(worker.nc, [topic], PARTITIONS, lambda: frozenset({P}))


async def test_tables_that_are_filled_anew_hold_nothing_that_they_lack(
    worker: Worker, persons: Persons, up_to: tuple[str, int]
) -> None:
    ada, end = up_to
    handed = handed_over(worker, end)

    await handed.look()
    lacking = worker.positions.applied(P)
    await worker.fold(await persons.stored(ada))
    folded = worker.positions.applied(P)
    await handed.look()

    assert lacking == 0
    assert lacking < folded < worker.positions.applied(P) == end


async def test_what_is_held_is_a_row_that_the_next_owner_finds(
    worker: Worker, persons: Persons, up_to: tuple[str, int]
) -> None:
    ada, end = up_to
    await worker.fold(await persons.stored(ada))

    await handed_over(worker, end).look()

    next_owner = worker.queried(AppliedPositions())
    next_owner.load_position(P)
    assert next_owner.positions.applied(P) == end
