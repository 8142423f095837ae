"""A small world for sagas: persons that decide, neighbours that answer as they are told to, a clock and timers. Everything in memory and in order.

Whatever happens goes through the real functions and the real bytes: commands are read as an edge reads them and decided on, events are written and read."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

import orjson

from domain.commands import Command, read_command
from domain.decide import AlreadyRecorded, decide
from domain.events import Event
from domain.evolve import apply
from domain.outcomes import Outcome
from domain.person import Person
from domain.refusals import Refused
from domain.sagas.effects import CancelTimer, Effect, SendCommand, SendForeign, SetTimer, effects, pending
from domain.sagas.engine import awaited_types, react, start
from domain.sagas.evolve import evolve, fold
from domain.sagas.inputs import (
    AbortInput,
    CancelInput,
    OutcomeInput,
    PersonEventInput,
    RetryInput,
    SagaInput,
    SignalInput,
    SkipInput,
    StartInput,
)
from domain.sagas.saga_events import SagaEvent, read_saga_event, saga_event_subject, write_saga_event
from domain.sagas.state import Saga, dump_saga, load_saga
from domain.sagas.timers import read_timer, timer_input
from tests.domain.specification import ADA, NOW, envelope, resolved, uuid

BASIC_INFO = {"email": {"email": {"address": "ada@example.org"}}, "phone": {"phone": {"number": "+49301234567"}}}
SKILL = {"component_type": "Skill", "data": {"name": "Algebra", "category": "Analytical", "proficiency": "Expert"}}
STEP_COMMANDS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "IdentityStep": (
        "VerifyIdentity",
        {"identity_id": "i-1", "identity_type": "passport", "verification_level": "Document"},
    ),
    "LocationStep": ("AssignOnboardingLocation", {"location_id": "l-1", "location_type": "Residence"}),
    "BasicInfoStep": ("ProvideBasicInfo", BASIC_INFO),
    "ComponentsStep": ("ProvideComponents", {"components": [SKILL]}),
}
SYNC: dict[str, Any] = {
    "identity": {"identity_id": "i-9", "identity_type": "badge"},
    "location": {"location_id": "l-9", "location_type": "Work"},
    "employment": {"organization_id": "o-9", "role": "Analyst", "start_date": "2026-02-01"},
}
BEHAVIOURS = ("answer", "silent", "reject", "deaf")
"""What a neighbour does with a command: all that is asked; nothing; say no; do it and say nothing."""


class World:
    """Persons, sagas, what is under way between them, and the time."""

    def __init__(self) -> None:
        self.now = NOW
        self.persons: dict[str, Person] = {}
        self.sagas: dict[str, Saga] = {}
        self.log: dict[str, list[SagaEvent]] = defaultdict(list)
        self.commands: deque[SendCommand] = deque()
        self.foreign: deque[SendForeign] = deque()
        self.timers: dict[str, SetTimer] = {}
        self.inputs: deque[tuple[str, SagaInput]] = deque()
        self.sent: dict[str, bytes] = {}
        self.order: list[str] = []
        """Types of what was sent, without repetitions."""
        self.outcomes: dict[str, Outcome] = {}
        self.neighbours: Callable[[str], str] = lambda _: "answer"
        self.edge: Callable[[str], str] = lambda _: "decide"
        self.links: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        self.delivered: list[tuple[str, SagaInput]] = []
        self.fired: set[bytes] = set()
        self.counted = 0

    # What people do.

    def create(self, person_id: str = ADA, *, onboarding: bool = False) -> None:
        """A person comes to be."""
        name = {"given_names": ["Ada"], "family_names": ["Lovelace"]}
        self.ask("CreatePerson", {"name": name, "source": "hr", "onboarding": onboarding}, person_id)

    def ask(self, name: str, data: Mapping[str, Any], person_id: str = ADA, **attributes: Any) -> Outcome:
        """Somebody sends a command and gets its outcome."""
        self.counted += 1
        document = envelope(name, data, subject=person_id, time=self._time(), id=uuid(f"ask {self.counted}"))
        document.update(attributes)
        document.setdefault("correlationid", document["id"])
        return self._decide(orjson.dumps(document), document["type"])

    def start_saga(self, saga: str, data: Mapping[str, Any], key: str | None = None, person_id: str = ADA) -> str:
        """StartSaga."""
        business_key = ":".join(part for part in (saga, person_id, key) if part)
        given = StartInput(saga=saga, business_key=business_key, data=data, **self.stamp(f"start {business_key}"))
        started = start(given, self.persons.get(person_id, Person.new(person_id)))
        assert started is not None
        self._store(*started)
        return started[0]

    def operate(self, saga_id: str, kind: Callable[..., SagaInput], **fields: Any) -> None:
        """An operator does something. Raises Refused."""
        self.counted += 1
        given = kind(**self.stamp(f"operator {self.counted}", actor="user:operator"), reason="since I say so", **fields)
        self._react(saga_id, given)

    def cancel(self, saga_id: str) -> None:
        self.operate(saga_id, CancelInput)

    def retry(self, saga_id: str) -> None:
        self.operate(saga_id, RetryInput)

    def skip(self, saga_id: str, step: str) -> None:
        self.operate(saga_id, SkipInput, step=step)

    def abort(self, saga_id: str) -> None:
        self.operate(saga_id, AbortInput)

    def signal(self, saga_id: str, signal: str, data: Mapping[str, Any] | None = None) -> None:
        """A neighbour says something to a saga."""
        self.counted += 1
        self.inputs.append(
            (saga_id, SignalInput(signal=signal, data=data or {}, **self.stamp(f"signal {self.counted}")))
        )

    # What goes on by itself.

    def settle(self, *, timers: bool = False) -> None:
        """Let everything happen that does not have to wait; with `timers` also what has to."""
        for _ in range(2000):
            if self.inputs:
                self.deliver()
            elif self.commands:
                self.decide_next()
            elif self.foreign:
                self.answer_next()
            elif timers and self.timers:
                self.expire_next()
            else:
                return
        raise AssertionError("no end in sight")

    def deliver_all_inputs(self) -> None:
        """All inputs that are under way reach their sagas; nothing is decided or answered."""
        while self.inputs:
            self.deliver()

    def deliver(self) -> None:
        """The next input reaches its sagas."""
        target, given = self.inputs.popleft()
        self.delivered.append((target, given))
        self.hand_over(target, given)

    def hand_over(self, target: str, given: SagaInput) -> None:
        """An input reaches the saga that it names, or all of the person that it names."""
        if isinstance(given, PersonEventInput):
            started = start(given, self.persons[target])
            if started is not None and started[0] not in self.sagas:
                self._store(*started)
            for saga in [one for one in self.sagas.values() if one.person_id == target]:
                self._react(saga.saga_id, given)
        elif target in self.sagas:
            self._react(target, given)

    def decide_next(self) -> None:
        """The oldest command of a saga is decided, or is not."""
        sent = self.commands.popleft()
        behaviour = self.edge(sent.subject)
        if behaviour == "silent":
            return
        if behaviour == "fail":
            outcome = Outcome.failed("unavailable", command_id=sent.id)
        elif behaviour.startswith("refuse:"):
            outcome = Outcome.refused(Refused(behaviour.partition(":")[2]), command_id=sent.id)
        else:
            outcome = self._decide(sent.raw, sent.subject)
        self._tell(sent, outcome)

    def answer_next(self) -> None:
        """The oldest command to a neighbour is answered, or is not."""
        sent = self.foreign.popleft()
        behaviour = self.neighbours(sent.subject)
        if behaviour == "silent":
            return
        data = orjson.loads(sent.raw)["data"]
        domain, _, verb = sent.subject.split(".")
        if behaviour == "reject":
            self.signal(data["saga_id"], f"{domain}.rejected", {"person_id": data["person_id"]})
            return
        NEIGHBOURS[verb](self, domain, data, behaviour != "deaf")

    def expire_next(self) -> None:
        """The clock moves to the next timer, which becomes due."""
        saga_id, timer = min(self.timers.items(), key=lambda one: (one[1].at, one[0]))
        del self.timers[saga_id]
        self.fired.add(timer.raw)
        self.now = max(self.now, timer.at)
        self.inputs.append((saga_id, timer_input(read_timer(timer.raw), now=timer.at, reacted_at=self.now)))

    def pass_time(self, time: timedelta) -> None:
        """Time goes by; timers that become due fire in order."""
        until = self.now + time
        while any(timer.at <= until for timer in self.timers.values()):
            self.expire_next()
            self.settle()
        self.now = until

    # What a test looks at.

    def only(self) -> Saga:
        """The one saga that there is."""
        (saga,) = self.sagas.values()
        return saga

    def types(self, saga_id: str | None = None) -> list[str]:
        """What happened to a saga, in short."""
        events = self.log[saga_id or self.only().saga_id]
        return [event.spec.name for event in events]

    def undone(self, saga_id: str | None = None) -> list[str]:
        """The steps that were undone, in order."""
        events = self.log[saga_id or self.only().saga_id]
        return [event.data.step for event in events if event.spec.name == "step_compensated"]  # type: ignore[attr-defined]

    def stamp(self, name: str, actor: str = "user:u-1") -> dict[str, Any]:
        """What every input has."""
        message = uuid(name)
        return {
            "id": message,
            "now": self.now,
            "correlationid": message,
            "causationid": message,
            "depth": 0,
            "actor": actor,
            "reacted_at": self.now,
        }

    # How it is done.

    def _time(self) -> str:
        return self.now.isoformat().replace("+00:00", "Z")

    def _tell(self, sent: SendCommand, outcome: Outcome) -> None:
        context = orjson.loads(sent.raw)["data"]["context"]
        self.counted += 1
        given = OutcomeInput(
            command_id=sent.id,
            status=outcome.status,
            code=outcome.code,
            facts=outcome.facts or {},
            **self.stamp(f"outcome {self.counted}", actor="saga:x"),
        )
        self.inputs.append((context["saga_id"], given))

    def _decide(self, raw: bytes, subject: str) -> Outcome:
        command = resolved(read_command(raw, subject=subject, stored_at=self.now), self.persons.values())
        known = self.outcomes.get(command.id)
        if known is not None:
            return known
        person = self.persons.get(command.person_id, Person.new(command.person_id))
        try:
            events = decide(command, person)
        except AlreadyRecorded:
            return Outcome.accepted(command.id, person.person_id, person.version)
        except Refused as refused:
            outcome = Outcome.refused(refused, command_id=command.id)
        else:
            self._record(command, events)
            outcome = Outcome.accepted(command.id, person.person_id, person.version + len(events), events)
        self.outcomes[command.id] = outcome
        return outcome

    def _record(self, command: Command, events: Iterable[Event]) -> None:
        person = self.persons.get(command.person_id, Person.new(command.person_id))
        for event in events:
            person = apply(person, event)
            if event.type in awaited_types():
                self.inputs.append((person.person_id, PersonEventInput.of(event, reacted_at=self.now)))
        self.persons[person.person_id] = person

    def _react(self, saga_id: str, given: SagaInput) -> None:
        saga = self.sagas[saga_id]
        events = react(saga, given, self.persons[saga.person_id])
        if events:
            self._store(saga_id, events)

    def _store(self, saga_id: str, events: tuple[SagaEvent, ...]) -> None:
        """Append, fold and bring about, by way of bytes."""
        for event in events:
            raw = write_saga_event(event)
            tokens = saga_event_subject(event).split(".")
            stored = read_saga_event(raw, subject=".".join((*tokens[:4], "7", *tokens[4:])))
            assert stored == event
            assert write_saga_event(stored) == raw
            self.log[saga_id].append(stored)
            before = self.sagas.get(saga_id)
            saga = evolve(before, stored)
            assert evolve(saga, stored) is saga
            assert load_saga(dump_saga(saga)) == saga
            self.sagas[saga_id] = saga
            for effect in effects(saga, stored):
                self._bring_about(effect)
        saga = self.sagas[saga_id]
        assert fold(self.log[saga_id]) == saga
        self._check_to_do(saga)

    def _check_to_do(self, saga: Saga) -> None:
        """What is pending is what was sent, byte by byte, and the timer is the one that is set."""
        for effect in pending(saga):
            if isinstance(effect, SetTimer):
                assert self.timers.get(saga.saga_id) == effect or effect.raw in self.fired
            elif not isinstance(effect, CancelTimer):
                assert self.sent[effect.id] == effect.raw
        if saga.timer is None:
            assert saga.saga_id not in self.timers
        assert saga.is_ended or saga.paused != (saga.timer is not None), "a saga never waits without a time limit"
        assert bool(saga.awaiting) or saga.phase in ("idle", "held", "retrying")

    def _bring_about(self, effect: Effect) -> None:
        if isinstance(effect, SetTimer):
            self.timers[effect.saga_id] = effect
        elif isinstance(effect, CancelTimer):
            self.timers.pop(effect.saga_id, None)
        else:
            if effect.id not in self.sent:
                self.order.append(effect.subject)
            assert self.sent.setdefault(effect.id, effect.raw) == effect.raw, "one id, one message"
            if isinstance(effect, SendCommand):
                self.commands.append(effect)
            else:
                self.foreign.append(effect)


Data = Mapping[str, Any]


def _adapt(world: World, domain: str, name: str, data: Mapping[str, Any], person_id: str) -> None:
    """The adapter of a neighbour's event sends a command."""
    world.ask(name, data, person_id, actor=f"adapter:{domain}", causationdepth=0)


def _verify(world: World, domain: str, data: Data, _: bool) -> None:
    _adapt(world, domain, *STEP_COMMANDS["IdentityStep"], data["person_id"])


def _place(world: World, domain: str, data: Data, _: bool) -> None:
    _adapt(world, domain, *STEP_COMMANDS["LocationStep"], data["person_id"])


def _link(world: World, domain: str, data: Data, tells: bool) -> None:
    world.links[data["person_id"]].add((domain, data["identity_id"]))
    if tells:
        link = {"identity_id": data["identity_id"], "identity_type": data["identity_type"]}
        _adapt(world, domain, "LinkIdentity", link, data["person_id"])


def _associate(world: World, domain: str, data: Data, tells: bool) -> None:
    world.links[data["person_id"]].add((domain, data["location_id"]))
    if tells:
        place = {"location_id": data["location_id"], "location_type": data["usage"]}
        _adapt(world, domain, "AssignLocation", place, data["person_id"])


def _employ(world: World, domain: str, data: Data, tells: bool) -> None:
    world.links[data["person_id"]].add((domain, data["organization_id"]))
    if tells:
        post = {name: data[name] for name in ("organization_id", "role", "start_date")}
        _adapt(world, domain, "AddEmployment", post, data["person_id"])


def _unlink(world: World, domain: str, data: Data, tells: bool) -> None:
    world.links[data["person_id"]].discard((domain, data.get("identity_id", "")))
    if "identity_id" in data:
        _adapt(world, domain, "UnlinkIdentity", {"identity_id": data["identity_id"]}, data["person_id"])
    _undone(world, domain, data, tells)


def _disassociate(world: World, domain: str, data: Data, tells: bool) -> None:
    world.links[data["person_id"]].discard((domain, data.get("location_id", "")))
    if "location_id" in data:
        _adapt(world, domain, "RemoveLocation", {"location_id": data["location_id"]}, data["person_id"])
    _undone(world, domain, data, tells)


def _dismiss(world: World, domain: str, data: Data, tells: bool) -> None:
    world.links[data["person_id"]].discard((domain, data["organization_id"]))
    end = {name: data[name] for name in ("organization_id", "role", "end_date", "reason")}
    _adapt(world, domain, "EndEmployment", end, data["person_id"])
    _undone(world, domain, data, tells)


def _undone(world: World, domain: str, data: Data, tells: bool) -> None:
    if tells:
        world.signal(data["saga_id"], f"{domain}.undone", {"person_id": data["person_id"]})


def _says(word: str) -> Callable[[World, str, Data, bool], None]:
    def answer(world: World, domain: str, data: Data, tells: bool) -> None:
        if tells:
            told = {"person_id": data["person_id"], "position": 7}
            world.signal(data["saga_id"], f"{domain}.{word}", told)

    return answer


NEIGHBOURS: Mapping[str, Callable[[World, str, Data, bool], None]] = {
    "request_verification": _verify,
    "request_assignment": _place,
    "link_person": _link,
    "associate_person": _associate,
    "start_employment": _employ,
    "unlink_person": _unlink,
    "disassociate_person": _disassociate,
    "end_employment": _dismiss,
    "reassign_person": _says("person_reassigned"),
    "release_person": _says("person_released"),
    "forget_person": _says("person_forgotten"),
}


def merged(source: str, target: str) -> World:
    """Two persons, one merged into the other; the saga has not heard of it yet."""
    world = World()
    world.create(source)
    world.create(target)
    world.ask("MergePersons", {"target_person_id": target, "merge_reason": "DuplicateIdentity"}, source)
    return world
