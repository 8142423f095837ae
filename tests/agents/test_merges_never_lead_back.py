"""Merges that meet, decided by lanes of their own in any order of their steps, never lead from a person back to itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import cast

from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st
from nats.aio.client import Client

from agents.merge_intents import LONGEST, MergeIntents, intent_subject
from agents.reading import Arrival, EventLog
from agents.resolving import ContestedError, PersonResolver
from bridge.errors import AppendRefusedError
from bridge.read import StoredMessage
from domain.decide import decide
from domain.events import write_event
from domain.evolve import apply
from domain.person import Person
from domain.refusals import Refused
from lanes.record import Record
from tests.domain.specification import NOW, command, created, recorded, uuid

NOBODY = cast("Client", None)
PEOPLE = sorted(uuid(f"person {number}") for number in range(4))
DRAWN_STEPS = 60
"""Of so many steps the order is drawn; behind them lanes take turns, so that who waits comes to an end."""


class Server:
    """What JetStream holds. Each request of a lane is one step, and who makes the next one is for the test to say."""

    def __init__(self) -> None:
        self.events: dict[str, list[Arrival]] = {}
        self.kept: dict[str, StoredMessage] = {}
        self.now = NOW
        self.sequence = 0
        self.waiting: dict[int, asyncio.Future[None]] = {}
        for person_id in PEOPLE:
            self._add(person_id, recorded(created(), 1, person_id=person_id))

    async def turn(self, lane: int) -> None:
        self.waiting[lane] = asyncio.get_running_loop().create_future()
        await self.waiting[lane]

    def person(self, person_id: str) -> Person:
        person = Person.new(person_id)
        for one in self.events[person_id]:
            person = apply(person, one.read())
        return person

    def append(self, person_id: str, expected: int, events: Sequence[object]) -> None:
        assert self.events[person_id][-1].stream_sequence == expected, "each person has one lane"
        for event in events:
            self._add(person_id, event)

    def put(self, subject: str, data: bytes, replacing: int | None) -> int:
        held = self.kept.get(subject)
        if replacing is not None and (held.stream_sequence if held is not None else 0) != replacing:
            raise AppendRefusedError(10071, "wrong last sequence")
        self.sequence += 1
        self.kept[subject] = StoredMessage(subject, data, self.sequence, self.now)
        return self.sequence

    def _add(self, person_id: str, event: object) -> None:
        self.sequence += 1
        record = Record(-1, person_id.encode(), write_event(event), {}, 0)  # type: ignore[arg-type]
        self.events.setdefault(person_id, []).append(Arrival(self.sequence, record, event))  # type: ignore[arg-type]


class Log(EventLog):
    def __init__(self, server: Server, lane: int) -> None:
        super().__init__(NOBODY)
        self._server, self._lane = server, lane

    async def arrivals(self, person_id: str, *, after: int = 0) -> AsyncIterator[Arrival]:
        await self._server.turn(self._lane)
        for one in [*self._server.events[person_id]]:
            if one.stream_sequence > after:
                yield one


class Intents(MergeIntents):
    def __init__(self, server: Server, lane: int) -> None:
        super().__init__(NOBODY)
        self._server, self._lane = server, lane

    async def _store(self, subject: str, data: bytes, *, replacing: int | None = None) -> int:
        await self._server.turn(self._lane)
        return self._server.put(subject, data, replacing)

    async def _newest(self, subject: str) -> StoredMessage | None:
        await self._server.turn(self._lane)
        return self._server.kept.get(subject)

    async def _rest(self) -> None:
        await self._server.turn(self._lane)


async def decided(server: Server, lane: int, source: str, target: str) -> str:
    """What a lane says to a merge, in the steps of `decide_person`."""
    resolver = PersonResolver(Log(server, lane), Intents(server, lane))
    data = {"target_person_id": target, "merge_reason": "DuplicateIdentity"}
    asked = command("MergePersons", data, subject=source, id=uuid(f"{source} into {target}"))
    held, expected = server.person(source), server.events[source][-1].stream_sequence
    try:
        events = decide(await resolver.resolve(asked), held)
    except ContestedError as contested:
        said = contested.code
    except Refused as refused:
        said = refused.code
    else:
        await server.turn(lane)
        server.append(source, expected, events)
        said = "accepted"
    await resolver.release(source)
    return said


async def run(server: Server, merges: Sequence[tuple[str, str]], order: Sequence[int]) -> list[str]:
    """What came of all merges when their lanes made their steps in an order."""
    lanes = [asyncio.create_task(decided(server, lane, source, target)) for lane, (source, target) in enumerate(merges)]
    taken = 0
    while not all(lane.done() for lane in lanes):
        while any(not one.done() and lane not in server.waiting for lane, one in enumerate(lanes)):  # noqa: ASYNC110  # no lane tells when it waits
            await asyncio.sleep(0)
        if server.waiting:
            ready = sorted(server.waiting)
            server.waiting.pop(ready[(order[taken] if taken < len(order) else taken) % len(ready)]).set_result(None)
            taken += 1
    return [lane.result() for lane in lanes]


def ends(server: Server, person_id: str) -> bool:
    """Whether the redirects of a person end."""
    for _ in PEOPLE:
        target = server.person(person_id).merged_into
        if target is None:
            return True
        person_id = target
    return False


ORDERS = st.lists(st.integers(0, 11), min_size=DRAWN_STEPS, max_size=DRAWN_STEPS)


@settings(max_examples=100, deadline=None)
@forall(ORDERS, st.booleans())
def test_of_two_persons_that_are_merged_into_each_other_exactly_one_stays(order: list[int], swapped: bool) -> None:
    server = Server()
    pair = (PEOPLE[1], PEOPLE[0]) if swapped else (PEOPLE[0], PEOPLE[1])
    said = asyncio.run(run(server, [pair, pair[::-1]], order))
    assert sorted(said) in (["accepted", "conflict"], ["accepted", "merge_target_unfit"])
    assert sum(server.person(person_id).merged_into is None for person_id in pair) == 1


@settings(max_examples=100, deadline=None)
@forall(ORDERS, st.permutations(PEOPLE), st.integers(3, 4))
def test_no_ring_of_merges_closes(order: list[int], people: list[str], size: int) -> None:
    server = Server()
    ring = people[:size]
    said = asyncio.run(run(server, [*zip(ring, [*ring[1:], ring[0]], strict=True)], order))
    assert all(ends(server, person_id) for person_id in ring)
    assert "accepted" in said


def test_what_nobody_decides_any_more_stands_in_no_ones_way_for_long() -> None:
    server, (lower, higher) = Server(), PEOPLE[:2]
    server.put(intent_subject(lower), b"of a worker that has died", None)

    assert asyncio.run(run(server, [(higher, lower)], ())) == ["conflict"]
    server.now += LONGEST - timedelta(seconds=1)
    assert asyncio.run(run(server, [(higher, lower)], ())) == ["conflict"]
    server.now += timedelta(seconds=1)
    assert asyncio.run(run(server, [(higher, lower)], ())) == ["accepted"]


def test_a_worker_takes_back_only_what_it_has_announced_itself() -> None:
    async def both() -> None:
        before, after = Intents(server, 0), Intents(server, 1)
        await before.announce(PEOPLE[0], "command")
        await after.announce(PEOPLE[0], "command")
        await before.withdraw(PEOPLE[0])
        assert server.kept[intent_subject(PEOPLE[0])].data == b"command"
        await after.withdraw(PEOPLE[0])
        assert server.kept[intent_subject(PEOPLE[0])].data == b""

    async def stepping() -> None:
        task = asyncio.create_task(both())
        while not task.done():
            for lane in [*server.waiting]:
                server.waiting.pop(lane).set_result(None)
            await asyncio.sleep(0)
        task.result()

    server = Server()
    asyncio.run(stepping())
