"""How far a neighbour's events are translated is kept by the server, for whoever owns the partition next."""

from __future__ import annotations

import uuid

from nats.aio.client import Client

from agents.translated_positions import BEGINNING, Place, TranslatedPositions
from tests.agents.conftest import Persons


async def test_the_next_owner_goes_on_where_the_last_one_ended(nc: Client, persons: Persons) -> None:
    # A neighbour that no other test has.
    domain = f"d{uuid.uuid4().hex[:10]}"
    first, second = TranslatedPositions(nc), TranslatedPositions(nc)
    assert await first.floor(domain, 3) == await second.floor(domain, 3) == BEGINNING

    first.start()
    first.advance(domain, 3, Place(7, 1_000))
    first.advance(domain, 3, Place(5, 900))
    await first.stop()

    # What a worker has read holds until the partition moves.
    assert await second.floor(domain, 3) == BEGINNING
    second.forget(domain, 3)
    assert await second.floor(domain, 3) == Place(7, 1_000)
    assert await second.floor(domain, 4) == BEGINNING


def test_a_stream_that_is_made_anew_is_behind_the_old_one() -> None:
    old = Place(1_000, 5_000)

    assert Place(1, 6_000).is_behind(old)
    assert Place(1_001, 4_000).is_behind(old), "the clock of a server was put back"
    assert not Place(1_000, 5_000).is_behind(old)
    assert not Place(999, 4_999).is_behind(old)
