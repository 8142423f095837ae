"""Translators against decisions that the test makes: order, fallbacks, failures, interruptions, and what a defect touches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from agents import command_sender, translating
from agents.command_sender import CommandOutcome, CommandSender, InterruptedWaitError
from agents.finding_persons import PersonsUnreachableError
from agents.foreign_counters import ForeignCounters
from agents.translate_git import TranslateGit
from agents.translate_identity import TranslateIdentity
from agents.translate_location import TranslateLocation
from agents.translate_organization import TranslateOrganization
from agents.translated_positions import Place, TranslatedPositions, place_of
from bridge.dead_letters import DeadLetter, DeadLetters
from bridge.errors import BridgeError
from domain.ids import derive
from domain.links import Link
from domain.translate.commands import AdapterCommand
from domain.translate.rule import KnownPerson
from lanes.agent import Batch
from lanes.record import Record
from tests.agents.conftest import carried

ADA = "0190c8a2-7b1e-7c3d-9a4f-000000000001"
BOB = "0190c8a2-7b1e-7c3d-9a4f-000000000002"
CARLA = "0190c8a2-7b1e-7c3d-9a4f-000000000003"


class Decisions(CommandSender):
    """Decides by a script: answers by command type, the last one again and again; accepted where there is none."""

    def __init__(self, **script: Sequence[str]) -> None:
        super().__init__(Client())
        self.script = {name.replace("__", "."): deque(answers) for name, answers in script.items()}
        self.sent: list[dict[str, Any]] = []
        self.refused_stores = 0

    async def _store(self, command: AdapterCommand) -> None:
        await asyncio.sleep(0)
        if self.refused_stores:
            self.refused_stores -= 1
            raise BridgeError("no server answers")
        self.sent.append(orjson.loads(command.body))
        answers = self.script.get(command.type.removeprefix("person.commands."), deque(["accepted"]))
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if answer != "silence":
            asyncio.get_running_loop().call_soon(self.tell, command.id, answer)

    def tell(self, command_id: str, answer: str) -> None:
        status, _, code = answer.partition(" ")
        code, _, target = code.partition("->")
        waiting = self._waiting.get(command_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(CommandOutcome(status, code, {"target": target} if target else {}, None))

    def paths(self, person_id: str) -> list[str]:
        return [one["type"].removeprefix("person.commands.") for one in self.sent if one["subject"] == person_id]


class Persons:
    """Who is linked and merged, as the test says."""

    def __init__(
        self, linked: Mapping[str, Sequence[str]] | None = None, merged: Mapping[str, str] | None = None
    ) -> None:
        self._linked = dict(linked or {})
        self._merged = dict(merged or {})
        self.unreachable = 0
        self.asked: list[bool] = []

    async def linked(self, link: Link, *, level: bool) -> Sequence[str]:
        self.asked.append(level)
        if self.unreachable:
            self.unreachable -= 1
            raise PersonsUnreachableError("partitions [3] do not answer now")
        return self._linked.get(str(link), [])

    async def target_of(self, person_id: str) -> str:
        return self._merged.get(person_id, person_id)

    async def known(self, person_id: str, position: Mapping[str, int] | None) -> KnownPerson:
        raise ZeroDivisionError


class Letters(DeadLetters):
    """Keeps letters."""

    def __init__(self) -> None:
        super().__init__(Client(), "person.dlq")
        self.letters: list[DeadLetter] = []

    async def store(self, letter: DeadLetter) -> None:
        self.letters.append(letter)


class Done(TranslatedPositions):
    """Positions that are in memory only."""

    def __init__(self) -> None:
        super().__init__(Client())
        self.stored: dict[tuple[str, int], Place] = {}

    async def _stored(self, domain: str, partition: int) -> Place:
        return self.stored.get((domain, partition), Place(0, 0))

    def reached(self, domain: str) -> Place | None:
        return self._reached.get((domain, 0))


class World:
    """One translator of each kind that a test needs, and what became of events."""

    def __init__(self, decisions: Decisions, persons: Persons | None = None) -> None:
        self.decisions, self.persons, self.letters = decisions, persons or Persons(), Letters()
        self.counters = ForeignCounters()
        self.done = Done()
        self.translators = [
            translator(self.decisions, self.persons, self.letters, self.counters, self.done, partitions=8)
            for translator in (TranslateIdentity, TranslateOrganization, TranslateLocation, TranslateGit)
        ]
        self._number = 0

    def event(self, event_type: str, data: dict[str, Any], key: str = ADA) -> Record:
        self._number += 1
        event_id = derive(ADA, f"event {self._number}")
        body = orjson.dumps({"id": event_id, "type": event_type, "data": data})
        domain, _, name = event_type.partition(".")
        record = carried(f"{domain.upper()}_EVENTS", f"{domain}.events.{name}", body, self._number, self._number)
        return record._replace(key=key.encode())

    async def translate(self, *records: Record) -> None:
        batch = Batch(0, records, {})
        for translator in self.translators:
            await translator.process(batch)


@pytest.fixture(autouse=True)
def _without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delays of retries are nobody's claim here."""
    monkeypatch.setattr(translating, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(translating, "FIRST_BACKOFF_S", 0.001)
    monkeypatch.setattr(command_sender, "ANSWER_WITHIN_S", 0.05)


def linked(world: World, person_id: str, identity_id: str = "i-1") -> Record:
    return world.event("identity.linked", {"identity_id": identity_id, "person_id": person_id}, person_id)


async def test_commands_of_a_person_are_sent_in_the_order_of_its_events_and_persons_do_not_wait_for_each_other() -> (
    None
):
    world = World(Decisions(onboarding__verify_identity=["silence"]))
    stuck = world.event("identity.verified", {"identity_id": "i-1", "level": "Email", "person_id": ADA})
    behind = linked(world, ADA)
    others = [linked(world, person_id, f"i-{n}") for person_id in (BOB, CARLA) for n in range(3)]

    task = asyncio.ensure_future(world.translate(stuck, behind, *others))
    while len(world.decisions.sent) < 9:  # noqa: ASYNC110  # the first command is sent again and again meanwhile
        await asyncio.sleep(0.001)
    assert world.decisions.paths(ADA) == ["onboarding.verify_identity"] * len(world.decisions.paths(ADA))
    assert [one["data"]["identity_id"] for one in world.decisions.sent if one["subject"] == BOB] == [
        "i-0",
        "i-1",
        "i-2",
    ]
    assert not task.done()
    world.decisions.tell(world.decisions.sent[0]["id"], "accepted")
    await task
    assert world.decisions.paths(ADA)[-1] == "relationship.link_identity"
    # One that had no answer came again under its id.
    assert len({one["id"] for one in world.decisions.sent if one["type"].endswith("verify_identity")}) == 1


async def test_fallbacks_follow_the_codes_and_other_refusals_end_the_event() -> None:
    verified = {"identity_id": "i-1", "level": "Email", "person_id": ADA}
    world = World(
        Decisions(
            onboarding__verify_identity=["refused onboarding_not_active", "refused terminal"],
            relationship__record_identity_verification=["refused relation_not_found"],
        )
    )

    await world.translate(world.event("identity.verified", verified), world.event("identity.verified", verified))

    assert world.decisions.paths(ADA) == [
        "onboarding.verify_identity",
        "relationship.record_identity_verification",
        "relationship.link_identity",
        "onboarding.verify_identity",
    ]
    assert not world.letters.letters
    assert world.counters.commands["identity", "person.commands.onboarding.verify_identity", "refused", "terminal"] == 1
    assert world.counters.events["identity", "identity.verified", "translated"] == 2


async def test_a_merge_is_followed_before_a_command_is_sent_and_when_it_is_refused_for_it() -> None:
    world = World(
        Decisions(relationship__link_identity=[f"refused merged_away->{CARLA}", "accepted"]), Persons(merged={ADA: BOB})
    )
    event = linked(world, ADA)

    await world.translate(event)

    assert [one["subject"] for one in world.decisions.sent] == [BOB, CARLA]
    event_id = orjson.loads(event.value)["id"]
    assert [one["id"] for one in world.decisions.sent] == [
        derive(event_id, f"person/link_identity/{BOB}"),
        derive(event_id, f"person/link_identity/{CARLA}"),
    ]


async def test_the_same_event_makes_the_same_commands_however_often_a_worker_begins_anew() -> None:
    found = []
    for _ in range(2):
        world = World(Decisions(), Persons(linked={"organization:o-1": [ADA, BOB]}))
        await world.translate(
            linked(world, ADA), world.event("organization.dissolved", {"organization_id": "o-1"}, "foreign")
        )
        found.append(sorted((one["id"], one["subject"], one["type"]) for one in world.decisions.sent))

    assert found[0] == found[1]
    assert len(found[0]) == 3


async def test_servers_that_do_not_answer_are_asked_again_and_nothing_becomes_a_dead_letter() -> None:
    world = World(Decisions(), Persons(linked={"identity:i-1": [ADA]}))
    world.decisions.refused_stores = world.persons.unreachable = 4

    await world.translate(world.event("identity.revoked", {"identity_id": "i-1"}, "foreign"))

    assert set(world.decisions.paths(ADA)) == {"relationship.record_identity_verification", "lifecycle.suspend"}
    assert not world.letters.letters


async def test_whoever_cannot_be_found_at_the_third_try_is_a_dead_letter_and_so_is_an_event_of_several() -> None:
    world = World(Decisions(), Persons(linked={"identity:twins": [ADA, BOB]}))
    nobody = world.event("identity.revoked", {"identity_id": "i-9"}, "foreign")
    twins = world.event("identity.revoked", {"identity_id": "twins"}, "other")

    await world.translate(nobody, twins, linked(world, ADA))

    assert [(one.cause, one.reason, one.attempts) for one in world.letters.letters] == [
        ("unresolved_person", "2 persons are linked by kind identity", 3),
        ("unresolved_person", "no persons are linked by kind identity", 3),
    ]
    # Later tries wait for what is committed and not indexed yet.
    assert world.persons.asked.count(True) == 2
    assert world.decisions.paths(ADA) == ["relationship.link_identity"]
    assert world.counters.events["identity", "identity.revoked", "dead_lettered"] == 2


async def test_much_about_a_stranger_takes_one_search_and_one_look_for_each_event() -> None:
    world = World(Decisions(), Persons())
    active = [world.event("git.commit_analyzed", {"username": "stranger"}, "one key") for _ in range(200)]

    await world.translate(*active[:1])
    await world.translate(*active[1:])

    assert len(world.letters.letters) == 200
    assert len(world.persons.asked) == 3 + 199


async def test_a_command_that_fails_three_times_is_a_dead_letter_and_one_that_fails_twice_is_not() -> None:
    world = World(
        Decisions(
            relationship__link_identity=["failed conflict", "failed conflict", "accepted"],
            relationship__unlink_identity=["failed unavailable"],
        )
    )
    unlinked = world.event("identity.unlinked", {"identity_id": "i-1", "person_id": ADA})

    await world.translate(linked(world, ADA), unlinked, linked(world, ADA))

    [letter] = world.letters.letters
    assert (letter.cause, letter.reason) == ("handler_failed", "a command failed: unavailable")
    assert world.decisions.paths(ADA) == ["relationship.link_identity"] * 3 + ["relationship.unlink_identity"] * 3 + [
        "relationship.link_identity"
    ]


async def test_a_defect_of_one_translation_touches_no_other_event() -> None:
    world = World(Decisions())
    moved = world.event("location.person_moved", {"from": "l-1", "to": "l-2", "person_id": ADA})

    await world.translate(moved, linked(world, ADA), linked(world, BOB))

    assert [(one.consumer, one.cause, one.reason) for one in world.letters.letters] == [
        ("translate_location", "handler_failed", "ZeroDivisionError")
    ]
    assert world.decisions.paths(ADA) == world.decisions.paths(BOB) == ["relationship.link_identity"]


async def test_a_record_that_the_bridge_did_not_write_is_a_dead_letter_once() -> None:
    world = World(Decisions())

    await world.translate(Record(0, b"x", b"{}", {}, 0), linked(world, ADA))

    assert [(one.consumer, one.cause) for one in world.letters.letters] == [("translate_identity", "undecodable")]
    assert world.decisions.paths(ADA) == ["relationship.link_identity"]


async def test_activities_of_a_person_do_not_wait_for_each_other_and_others_keep_their_order() -> None:
    world = World(Decisions(policy__record_activity=["silence"], relationship__link_identity=["silence"]))
    active = [world.event("git.commit_analyzed", {"person_id": ADA}) for _ in range(100)]
    task = asyncio.ensure_future(world.translate(*active))
    while len(ids := {one["id"] for one in world.decisions.sent}) < 64:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    for _ in range(200):
        for command_id in {one["id"] for one in world.decisions.sent}:
            world.decisions.tell(command_id, "refused no_change")
        await asyncio.sleep(0.001)
        if task.done():
            break
    await task
    assert len(ids) == 64
    assert len({one["id"] for one in world.decisions.sent}) == 100

    task = asyncio.ensure_future(world.translate(linked(world, BOB), linked(world, BOB)))
    while not world.decisions.paths(BOB):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert len({one["id"] for one in world.decisions.sent if one["subject"] == BOB}) == 1
    task.cancel()
    await asyncio.wait({task})


async def test_what_was_done_long_ago_is_not_translated_again_and_a_stream_that_begins_anew_is() -> None:
    world = World(Decisions())
    first, second, third = (linked(world, ADA, f"i-{number}") for number in range(3))
    old = place_of(second)
    assert old is not None
    world.done.stored["identity", 0] = old

    await world.translate(first, second, third)

    assert [one["data"]["identity_id"] for one in world.decisions.sent] == ["i-2"]
    assert world.done.reached("identity") == place_of(third)
    assert world.counters.events["identity", "other", "repeated"] == 2
    # Sequences begin with 1 again, at a later time.
    world._number = 0
    await world.translate(anew := linked(world, BOB))
    assert world.decisions.paths(BOB) == ["relationship.link_identity"]
    assert world.done.reached("identity") == place_of(anew)


async def test_a_cycle_that_fails_moves_no_position() -> None:
    world = World(Decisions(relationship__link_identity=["silence"]))
    task = asyncio.ensure_future(world.translate(linked(world, ADA)))
    while not world.decisions.sent:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    world.decisions.interrupt()
    await asyncio.wait({task})

    assert world.done.reached("identity") is None


async def test_partitions_that_move_end_the_wait_and_the_cycle_comes_again() -> None:
    world = World(Decisions(relationship__link_identity=["silence"]))
    task = asyncio.ensure_future(world.translate(linked(world, ADA), linked(world, ADA)))
    while not world.decisions.sent:  # noqa: ASYNC110
        await asyncio.sleep(0.001)

    world.decisions.interrupt()

    with pytest.raises(InterruptedWaitError):
        await task
    # Nothing is sent behind what comes again.
    assert len(world.decisions.sent) == 1


async def test_text_that_has_no_canonical_form_is_a_dead_letter_with_its_field() -> None:
    world = World(Decisions())
    joined = {"organization_id": "o-1", "role": "Ana\x07lyst", "person_id": ADA}

    await world.translate(world.event("organization.person_joined", joined))

    assert [(one.cause, one.reason) for one in world.letters.letters] == [
        ("undecodable", "data.role: control_character")
    ]
