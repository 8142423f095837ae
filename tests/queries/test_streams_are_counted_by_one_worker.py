"""The owner of partition 0 tells what streams and open dead letters there are; nobody else does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from nats.aio.client import Client

from bridge.dead_letters import DeadLetter, DeadLetters
from bridge.letter_acts import Place
from bridge.streams import ensure_stream
from config.streams import COMMANDS, DEAD_LETTERS, EVENTS, streams
from queries.dead_letters.census import LetterCensus, OpenLetter
from queries.stream_census import KINDS_TOLD, UNTOLD, StreamCensus

NAMES = (COMMANDS, DEAD_LETTERS)


def letter(consumer: str, cause: str, sequence: int) -> DeadLetter:
    return DeadLetter(consumer, "SOURCE", sequence, "a.subject", cause, "a reason", b"data")


async def test_the_owner_of_the_first_partition_tells_streams_and_open_letters_and_forgets_with_it(
    own_nats: str,
) -> None:
    nc = Client()
    await nc.connect(own_nats)
    for declared in streams(8, 1):
        if declared["name"] in NAMES:
            await ensure_stream(nc, declared)
    letters = DeadLetters(nc, "person.dlq")
    await letters.store_all([letter("translate_git", "unresolved_person", number) for number in range(3)])
    await letters.store(letter("route.one", "too_large", 1))
    # Of a parked person, whom the table tells.
    parked = DeadLetter("fold_persons", EVENTS, 1, f"person.events.x.y.0.{uuid.uuid4()}", "unknown_type", "r", b"data")
    await letters.store(parked)
    owned = frozenset({0, 1})
    census = StreamCensus(nc, NAMES, LetterCensus(nc).open_letters, lambda: owned)

    await census.count()

    commands, dead = (census.states()[name] for name in NAMES)
    assert (commands.messages, commands.oldest) == (0, None)
    assert dead.messages == 5
    assert dead.size > 5
    assert dead.oldest is not None
    assert abs(time.time() - dead.oldest) < 60
    assert census.dead_letters() == {("translate_git", "unresolved_person"): 3, ("route.one", "too_large"): 1}
    assert set(census.oldest_letters()) == {"foreign", "route.one"}
    assert min(census.oldest_letters().values()) == pytest.approx(dead.oldest, abs=1)

    owned = frozenset({1})
    assert (census.states(), census.dead_letters(), census.oldest_letters()) == ({}, {}, {})
    await census.count()
    owned = frozenset({0})
    assert (census.states(), census.dead_letters(), census.oldest_letters()) == ({}, {}, {})
    await nc.close()


async def test_made_up_consumers_are_one_kind_and_the_oldest_letter_of_a_route_counts(own_nats: str) -> None:
    nc = Client()
    await nc.connect(own_nats)
    now = datetime.now(UTC)

    def opened(number: int, consumer: str) -> OpenLetter:
        place = Place(consumer, "SOURCE", str(number))
        since = now - timedelta(hours=number)
        return OpenLetter(number, since, place, "foreign", "s", "unknown_type", "r", 1, True, None, None)

    async def open_letters() -> Iterable[OpenLetter]:
        made_up = [opened(number, f"made-up-{number}") for number in range(KINDS_TOLD + 50)]
        return [*made_up, opened(1, "translate_git"), opened(2, "translate_git")]

    census = StreamCensus(nc, (), open_letters, lambda: frozenset({0}))

    await census.count()

    told = census.dead_letters()
    assert len(told) == KINDS_TOLD + 1
    assert told["translate_git", "unknown_type"] == 2
    assert told[UNTOLD, UNTOLD] == 51
    assert census.oldest_letters() == {"foreign": (now - timedelta(hours=KINDS_TOLD + 49)).timestamp()}
    await nc.close()
