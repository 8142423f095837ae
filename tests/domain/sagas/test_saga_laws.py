"""Laws of all sagas, for inputs that come in any order, late and twice, and neighbours that answer as they like (domain.md 19, L19 to L21)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.refusals import Refused
from domain.sagas.effects import SendCommand, SendForeign, effects
from domain.sagas.event_data import (
    SAGA_EVENTS,
    CompensationStarted,
    StepCompensated,
    StepCompleted,
    StepFailed,
    StepSkipped,
)
from domain.sagas.evolve import evolve
from domain.sagas.inputs import PersonEventInput
from domain.sagas.saga_events import SagaEvent
from domain.sagas.state import Saga, dump_saga, load_saga
from domain.status import Status
from tests.domain.sagas.world import STEP_COMMANDS, SYNC, World
from tests.domain.specification import ADA, GRACE, uuid

THIRD = uuid("third person")
PERSONS = (ADA, GRACE, THIRD)
# A long life is replayed hundreds of times to make it shorter, which takes longer than a test may.
NO_SHRINKING = (Phase.reuse, Phase.generate)
BEHAVIOURS = ("answer", "answer", "answer", "silent", "reject", "deaf")
EDGE = ("decide", "decide", "decide", "fail", "silent")
PEOPLE: tuple[tuple[str, dict[str, Any]], ...] = (
    *STEP_COMMANDS.values(),
    *STEP_COMMANDS.values(),
    ("CompleteOnboarding", {}),
    ("FailOnboarding", {"reason": "not our person"}),
    ("StartOnboarding", {}),
    ("RequestErasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 1}),
    ("LinkIdentity", SYNC["identity"]),
    ("UnlinkIdentity", {"identity_id": "i-9"}),
    ("SuspendPerson", {"reason": "away"}),
)
ACTIONS = (
    "deliver",
    "deliver",
    "deliver",
    "decide",
    "decide",
    "answer",
    "answer",
    "again",
    "expire",
    "people",
    "operate",
)


class Chance:
    """A world in which anything may happen next."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw: Callable[[st.SearchStrategy[Any]], Any] = data.draw
        self.world = World()
        self.world.neighbours = lambda _: self.draw(st.sampled_from(BEHAVIOURS))
        self.world.edge = lambda _: self.draw(st.sampled_from(EDGE))
        self.done: dict[str, Callable[[], None]] = {
            "deliver": self.deliver,
            "decide": self.decide,
            "answer": self.answer,
            "again": self.again,
            "expire": self.expire,
            "people": self.people,
            "operate": self.operate,
        }
        self.beginnings: dict[str, Callable[[], None]] = {
            "merge": self.merge,
            "archival": self.archival,
            "sync": self.sync,
            "erasure": self.erasure,
        }

    def begin(self) -> None:
        for person_id in PERSONS:
            self.world.create(person_id, onboarding=person_id == ADA)
        for what in self.draw(st.lists(st.sampled_from(sorted(self.beginnings)), unique=True, max_size=3)):
            self.beginnings[what]()

    def merge(self) -> None:
        self.world.ask("MergePersons", {"target_person_id": THIRD, "merge_reason": "UserRequested"}, GRACE)

    def archival(self) -> None:
        self.world.ask("ArchivePerson", {"reason": "left"}, GRACE)
        self.world.start_saga("archival", {"cause": "Archived"}, person_id=GRACE)

    def sync(self) -> None:
        parts = self.draw(st.lists(st.sampled_from(sorted(SYNC)), min_size=1, unique=True))
        self.world.start_saga("cross_domain_sync", {part: SYNC[part] for part in parts}, "k-1", GRACE)

    def erasure(self) -> None:
        asked = {"legal_basis": "DataSubjectRequest", "grace_hours": self.draw(st.integers(0, 1))}
        self.world.ask("RequestErasure", asked, self.draw(st.sampled_from((GRACE, THIRD))))

    def deliver(self) -> None:
        """Any input that is under way, but the events of a person in their order."""
        inputs = self.world.inputs
        seen: set[str] = set()
        ready = []
        for number, (target, given_) in enumerate(inputs):
            if not isinstance(given_, PersonEventInput) or target not in seen:
                ready.append(number)
            if isinstance(given_, PersonEventInput):
                seen.add(target)
        if ready:
            inputs.rotate(-self.draw(st.sampled_from(ready)))
            # The others keep their order.
            chosen = inputs.popleft()
            rest = sorted(inputs, key=lambda one: one[1].now)
            inputs.clear()
            inputs.append(chosen)
            inputs.extend(rest)
            self.world.deliver()

    def decide(self) -> None:
        if self.world.commands:
            self.world.decide_next()

    def answer(self) -> None:
        if self.world.foreign:
            self.world.answer_next()

    def again(self) -> None:
        if self.world.delivered:
            self.world.hand_over(*self.draw(st.sampled_from(self.world.delivered)))

    def expire(self) -> None:
        if self.world.timers:
            self.world.expire_next()

    def people(self) -> None:
        name, asked = self.draw(st.sampled_from(PEOPLE))
        person_id = self.draw(st.sampled_from((ADA, ADA, GRACE)))
        pending = self.world.persons[person_id].erasure
        if pending is not None and not isinstance(pending, str):
            self.world.ask("CancelErasure", {"request_id": pending.request_id}, person_id)
        else:
            self.world.ask(name, asked, person_id)

    def operate(self) -> None:
        if not self.world.sagas:
            return
        saga = self.world.sagas[self.draw(st.sampled_from(sorted(self.world.sagas)))]
        what = self.draw(st.sampled_from(("cancel", "retry", "skip", "abort")))
        with suppress(Refused):
            if what == "skip":
                self.world.skip(saga.saga_id, str(saga.step))
            else:
                getattr(self.world, what)(saga.saga_id)

    def act(self, times: int) -> None:
        for _ in range(times):
            self.world.now += timedelta(milliseconds=1)
            self.done[self.draw(st.sampled_from(ACTIONS))]()


def require_reverse_order(world: World, saga: Saga) -> None:
    """L20: what was undone was done, in the reverse order, and each once."""
    data = [event.data for event in world.log[saga.saga_id]]
    done = [one.step for one in data if isinstance(one, StepCompleted | StepSkipped)]
    undone = [one.step for one in data if isinstance(one, StepCompensated)]
    assert len(undone) == len(set(undone))
    plans = [one.to_undo for one in data if isinstance(one, CompensationStarted)]
    if not plans:
        assert undone == []
        return
    (plan,) = plans
    skipped = {one.step for one in data if isinstance(one, StepSkipped) and one.direction == "undo"}
    assert undone == [step for step in plan if step not in skipped][: len(undone)]
    order = list(saga.steps)
    assert [order.index(step) for step in plan] == sorted((order.index(step) for step in plan), reverse=True)
    failed = {one.step for one in data if isinstance(one, StepFailed)}
    assert all(step in done or step in failed or saga.saga == "onboarding" for step in plan)
    if saga.status == "Compensated" and not saga.abandoned:
        assert set(undone) | skipped == set(plan)


def require_commands_follow_from_events(world: World) -> None:
    """L21: what was sent is a function of the saga events, whatever the state has become."""
    found = {
        effect.id: effect.raw
        for saga in world.sagas.values()
        for event in world.log[saga.saga_id]
        for effect in effects(saga, event)
        if isinstance(effect, SendCommand | SendForeign)
    }
    assert found == world.sent


@settings(max_examples=40, deadline=None, phases=NO_SHRINKING, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_sagas_end_and_undo_in_reverse_whatever_comes(data: st.DataObject) -> None:
    chance = Chance(data)
    world = chance.world
    chance.begin()
    chance.act(data.draw(st.integers(0, 60)))
    world.settle(timers=True)
    # An erasure may be parked or aborted, and others wait for what becomes of it.
    waiting = {saga.person_id for saga in world.sagas.values() if saga.saga == "erasure" and saga.status == "Failed"}
    assert all(saga.is_ended or (saga.paused and saga.person_id in waiting) for saga in world.sagas.values())
    assert not world.timers
    require_commands_follow_from_events(world)

    # Nothing that comes again changes anything.
    before = dict(world.sagas)
    for target, given_ in world.delivered:
        world.hand_over(target, given_)
    assert world.sagas == before

    # An operator retries; then everybody answers.
    world.neighbours, world.edge = lambda _: "answer", lambda _: "decide"
    for saga in list(world.sagas.values()):
        if saga.is_parked:
            world.retry(saga.saga_id)
            world.settle(timers=True)
    for saga in world.sagas.values():
        require_reverse_order(world, saga)
        if saga.is_parked:
            # Only what nobody can do any more: such as absorbing into a person who is gone.
            assert saga.error is not None
    require_commands_follow_from_events(world)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_an_onboarding_ends_active_or_leaves_nothing_behind(data: st.DataObject) -> None:
    world = World()
    world.neighbours = lambda _: data.draw(st.sampled_from(BEHAVIOURS))
    world.edge = lambda _: data.draw(st.sampled_from(EDGE))
    world.create(onboarding=True)
    steps = list(STEP_COMMANDS.values())[: data.draw(st.integers(0, 4))]
    for step in steps:
        world.ask(*step)
        world.settle()
    world.settle(timers=True)
    world.neighbours, world.edge = lambda _: "answer", lambda _: "decide"
    saga = world.only()
    if saga.is_parked:
        world.retry(saga.saga_id)
        world.settle(timers=True)
    saga, person = world.only(), world.persons[ADA]
    assert saga.status in ("Completed", "Compensated")
    if saga.status == "Completed":
        assert person.status is Status.ACTIVE
        assert {done.step for done in saga.done} == set(saga.steps)
    else:
        assert person.status is Status.DRAFT
        assert (person.components, person.identities, person.locations) == ({}, {}, {})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_sync_leaves_all_or_nothing_in_the_person_and_its_neighbours(data: st.DataObject) -> None:
    world = World()
    world.neighbours = lambda _: data.draw(st.sampled_from(BEHAVIOURS))
    world.create()
    parts = data.draw(st.lists(st.sampled_from(sorted(SYNC)), min_size=1, unique=True))
    saga_id = world.start_saga("cross_domain_sync", {part: SYNC[part] for part in parts}, "k-1")
    world.settle(timers=True)
    world.neighbours = lambda _: "answer"
    if world.sagas[saga_id].is_parked:
        world.retry(saga_id)
        world.settle(timers=True)
    person = world.persons[ADA]
    held = len(person.identities) + len(person.locations) + sum(one.is_open for one in person.employments.values())
    expected = len(parts) if world.sagas[saga_id].status == "Completed" else 0
    assert (held, len(world.links[ADA])) == (expected, expected)


def _many_events() -> tuple[SagaEvent, ...]:
    """Saga events of all kinds."""
    world = World()
    world.create(onboarding=True)
    world.settle()
    world.cancel(world.only().saga_id)
    world.settle(timers=True)
    world.create(GRACE)
    world.neighbours = lambda command: "silent" if "location" in command else "answer"
    sync, archival = (
        world.start_saga("cross_domain_sync", SYNC, "k-1", GRACE),
        world.start_saga("archival", {"cause": "Archived"}, None, GRACE),
    )
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest"}, GRACE)
    world.settle()
    pending = world.persons[GRACE].erasure
    world.ask("CancelErasure", {"request_id": pending.request_id}, GRACE)  # type: ignore[union-attr]
    world.settle(timers=True)
    world.retry(sync)
    world.skip(archival, "release_location")
    world.ask("RequestErasure", {"legal_basis": "DataSubjectRequest", "grace_hours": 0}, GRACE)
    world.settle(timers=True)
    found = tuple(event for events in world.log.values() for event in events)
    assert {event.type for event in found} == set(SAGA_EVENTS)
    return found


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(_many_events()), min_size=1, max_size=40), st.data())
def test_every_event_on_every_state_gives_a_state(events: list[SagaEvent], data: st.DataObject) -> None:
    saga = None
    sequence = 0
    for event in events:
        sequence += data.draw(st.integers(0, 2))
        stored = event.model_copy(update={"sequence": max(sequence, 1)})
        before = saga
        saga = evolve(saga, stored)
        if before is not None and stored.sequence <= before.version:
            assert saga is before
        else:
            assert saga.version == stored.sequence
        assert load_saga(dump_saga(saga)) == saga
