"""Merges that meet, decided by lanes of their own in any order of their steps, never lead from a person back to itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import TypeVar, cast

from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st
from nats.aio.client import Client

from agents.merge_intents import LONGEST, PATIENCE_S, MergeIntents, Patience, intent_subject
from agents.reading import Arrival, EventLog
from agents.resolving import ContestedError, PersonResolver
from bridge.errors import AppendRefusedError
from bridge.read import StoredMessage
from domain.decide import AlreadyRecorded, decide
from domain.events import Event, write_event
from domain.evolve import apply
from domain.person import Person
from domain.refusals import Refused
from lanes.record import Record
from tests.domain.specification import NOW, command, created, recorded, uuid

Result = TypeVar("Result")

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
        self.on_its_way: tuple[str, int, Sequence[Event]] | None = None
        """An append that nobody gets an answer to."""
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

    def append(self, person_id: str, expected: int, events: Sequence[Event]) -> None:
        if self.events[person_id][-1].stream_sequence == expected:
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
        self.rests = 0

    async def _store(self, subject: str, data: bytes, *, replacing: int | None = None) -> int:
        await self._server.turn(self._lane)
        return self._server.put(subject, data, replacing)

    async def _newest(self, subject: str) -> StoredMessage | None:
        await self._server.turn(self._lane)
        return self._server.kept.get(subject)

    async def _rest(self) -> None:
        self.rests += 1
        await self._server.turn(self._lane)


async def decided(
    server: Server, lane: int, source: str, target: str, *, unanswered: bool = False, patience_s: float = PATIENCE_S
) -> str:
    """What a lane says to a merge, in the steps of `decide_person`; where its first append is not answered its cycle comes again."""
    resolver = PersonResolver(Log(server, lane), Intents(server, lane))
    data = {"target_person_id": target, "merge_reason": "DuplicateIdentity"}
    asked = command("MergePersons", data, subject=source, id=uuid(f"{source} into {target}"))
    while True:
        was_in_doubt = resolver.may_be_merged(source)
        held, expected = server.person(source), server.events[source][-1].stream_sequence
        try:
            events = decide(await resolver.resolve(asked, Patience(patience_s)), held)
        except (ContestedError, Refused) as refused:
            said = refused.code
        except AlreadyRecorded:
            said = "accepted"
        else:
            await server.turn(lane)
            if unanswered:
                unanswered = False
                server.on_its_way = source, expected, events
                continue
            server.append(source, expected, events)
            said = "accepted"
        # Who refuses has read the newest events of the source before.
        is_merged = server.person(source).merged_into is not None
        if is_merged or not was_in_doubt:
            await resolver.release(source)
        return "accepted" if is_merged else said


async def landed(server: Server, lane: int, after: int, is_over: Callable[[], bool]) -> str:
    """What is on its way is stored, some steps later, unless nothing is sent."""
    while server.on_its_way is None:
        if is_over():
            return "nothing"
        await server.turn(lane)
    for _ in range(after):
        await server.turn(lane)
    server.append(*server.on_its_way)
    return "landed"


async def run(
    server: Server,
    merges: Sequence[tuple[str, str]],
    order: Sequence[int],
    *,
    late: int | None = None,
    patience_s: float = PATIENCE_S,
) -> list[str]:
    """What came of all merges when their lanes made their steps in an order.

    With `late` the first one gets no answer to its first append, which is stored so many steps later.
    """
    lanes = [
        asyncio.create_task(
            decided(server, lane, *merge, unanswered=late is not None and lane == 0, patience_s=patience_s)
        )
        for lane, merge in enumerate(merges)
    ]
    if late is not None:
        lanes.append(asyncio.create_task(landed(server, len(merges), late, lanes[0].done)))
    taken = 0
    while not all(lane.done() for lane in lanes):
        while any(not one.done() and lane not in server.waiting for lane, one in enumerate(lanes)):  # noqa: ASYNC110  # no lane tells when it waits
            await asyncio.sleep(0)
        if server.waiting:
            ready = sorted(server.waiting)
            server.waiting.pop(ready[(order[taken] if taken < len(order) else taken) % len(ready)]).set_result(None)
            taken += 1
    return [lane.result() for lane in lanes][: len(merges)]


async def stepped(server: Server, steps: Coroutine[None, None, Result]) -> Result:
    """What came of steps that nobody delays."""
    task = asyncio.create_task(steps)
    while not task.done():
        for lane in [*server.waiting]:
            server.waiting.pop(lane).set_result(None)
        await asyncio.sleep(0)
    return task.result()


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


@settings(max_examples=100, deadline=None)
@forall(ORDERS, st.booleans(), st.integers(0, 30))
def test_who_may_be_merged_already_does_not_give_way_any_more(order: list[int], swapped: bool, late: int) -> None:
    server = Server()
    pair = (PEOPLE[1], PEOPLE[0]) if swapped else (PEOPLE[0], PEOPLE[1])
    said = asyncio.run(run(server, [pair, pair[::-1]], order, late=late))
    assert said.count("accepted") == 1
    assert sum(server.person(person_id).merged_into is None for person_id in pair) == 1


def test_the_higher_id_goes_on_where_its_append_is_in_doubt() -> None:
    server, (lower, higher) = Server(), PEOPLE[:2]
    # Announced, found free, read, sent; then the other announces, and the cycle comes again before anything is stored.
    order = [0] * 4 + [1] * 2 + [0] * 10
    assert asyncio.run(run(server, [(higher, lower), (lower, higher)], order, late=30)) == [
        "accepted",
        "merge_target_unfit",
    ]


@settings(max_examples=100, deadline=None)
@forall(ORDERS, st.permutations(PEOPLE), st.integers(3, 4), st.integers(0, 60))
def test_no_ring_closes_by_what_is_stored_late(order: list[int], people: list[str], size: int, late: int) -> None:
    server = Server()
    ring = people[:size]
    merges = [*zip(ring, [*ring[1:], ring[0]], strict=True)]
    asyncio.run(run(server, merges, order, late=late, patience_s=0.01))
    assert all(ends(server, person_id) for person_id in ring)


def test_a_merge_that_is_refused_while_it_may_be_stored_yet_stays_announced() -> None:
    server, (first, second, third) = Server(), PEOPLE[:3]
    # The first is sent into the second, which is merged into the third before the cycle comes again; the third follows behind that.
    order = [0] * 4 + [1] * 6 + [0] * 10
    said = asyncio.run(run(server, [(first, second), (second, third), (third, first)], order, late=90, patience_s=0.01))
    assert said == ["merge_target_unfit", "accepted", "conflict"]
    assert all(ends(server, person_id) for person_id in PEOPLE)


def test_all_merges_of_a_cycle_together_wait_no_longer_than_one() -> None:
    server, (low, *others) = Server(), PEOPLE

    async def asked() -> list[tuple[bool, bool]]:
        """Of each merge whether its target is free, and whether it has waited for that."""
        intents, patience = Intents(server, 0), Patience(0.05)
        await intents.announce(low, "command")
        answers = []
        for other in others:
            before = intents.rests
            answers.append((await intents.is_free(low, other, patience), intents.rests > before))
        return answers

    for other in others[:2]:
        server.put(intent_subject(other), b"of somebody who is parked", None)
    assert asyncio.run(stepped(server, asked())) == [(False, True), (False, False), (True, False)]


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

    server = Server()
    asyncio.run(stepped(server, both()))
