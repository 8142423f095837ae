"""Each neighbour answers each command with the events of its domain, from a state that its own events give again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.foreign import read_foreign_event
from domain.translate.catalogue import ForPersons, translated
from domain.translate.outbound import OUTBOUND
from domain.translate.rule import KnownPerson
from domain.translate.signals import Signal
from local.neighbours.answers import answer
from local.neighbours.catalogue import NEIGHBOURS
from local.neighbours.links import Links
from local.neighbours.messages import NeighbourCommand, NeighbourEvent
from tests.local.neighbours.conftest import ADA, CARLA, SAGA, Make


class Domain:
    """One neighbour without transport: what it says is folded at once, and kept to be folded again."""

    def __init__(self, name: str) -> None:
        self.links = Links(name)
        self.stored: list[NeighbourEvent] = []

    def take(self, command: NeighbourCommand, *, refuse: bool = False) -> list[str]:
        events = answer(command, self.links, refuse=refuse)
        for event in events:
            self.links.apply(event)
        self.stored += events
        return [event.type for event in events]

    def folded_again(self) -> Links:
        again = Links(self.links.domain)
        for event in self.stored:
            again.apply(event)
        return again


def test_every_command_of_this_domain_to_a_neighbour_is_understood() -> None:
    understood = {f"{domain}.commands.{verb}" for domain, neighbour in NEIGHBOURS.items() for verb in neighbour.verbs}
    assert understood == set(OUTBOUND)


@pytest.mark.parametrize(
    ("do", "done", "undo", "undone", "named"),
    [
        ("identity.link_person", "linked", "identity.unlink_person", "unlinked", {"identity_id": "i-1"}),
        ("identity.request_verification", "verified", "identity.unlink_person", "unlinked", {}),
        (
            "organization.start_employment",
            "person_joined",
            "organization.end_employment",
            "person_left",
            {"organization_id": "o-1", "role": "Engineer"},
        ),
        (
            "location.associate_person",
            "person_associated",
            "location.disassociate_person",
            "person_disassociated",
            {"location_id": "l-1", "usage": "Work"},
        ),
        (
            "location.request_assignment",
            "person_associated",
            "location.disassociate_person",
            "person_disassociated",
            {},
        ),
    ],
)
def test_what_is_done_is_undone_and_stays_undone(
    command: Make, do: str, done: str, undo: str, undone: str, named: dict[str, str]
) -> None:
    domain = Domain(do.partition(".")[0])
    assert domain.take(command(1, do, **named)) == [done]
    assert len(domain.links.of(ADA)) == 1
    assert domain.take(command(2, undo, **named)) == [undone, "undone"]
    assert domain.links.of(ADA) == {}
    # A second undo, one without anything to undo, and the command itself when it comes after its undo.
    assert domain.take(command(2, undo, **named)) == [undone, "undone"]
    assert domain.take(command(3, undo, **named)) == ["undone"]
    assert domain.take(command(1, do, **named)) == ["rejected"]
    assert domain.folded_again().of(ADA) == {}


def test_an_undo_that_overtakes_its_command_leaves_nothing(command: Make) -> None:
    domain = Domain("identity")
    assert domain.take(command(2, "identity.unlink_person", identity_id="i-1")) == ["undone"]
    assert domain.take(command(1, "identity.link_person", identity_id="i-1")) == ["rejected"]
    assert domain.links.of(ADA) == {}


def test_an_undo_that_names_nothing_takes_back_what_its_saga_made(command: Make) -> None:
    domain = Domain("identity")
    domain.take(command(1, "identity.link_person", identity_id="i-1", saga_id=None))
    domain.take(command(2, "identity.request_verification"))
    assert domain.take(command(3, "identity.unlink_person")) == ["unlinked", "undone"]
    assert list(domain.links.of(ADA)) == [("i-1",)]


def test_a_command_that_comes_again_is_answered_with_the_same_events(command: Make) -> None:
    domain = Domain("location")
    first = answer(command(1, "location.request_assignment"), domain.links, refuse=False)
    domain.links.apply(first[0])
    again = answer(command(1, "location.request_assignment"), domain.folded_again(), refuse=False)
    second = answer(command(1, "location.request_assignment"), domain.links, refuse=False)
    assert [event.id for event in first] == [event.id for event in second] == [event.id for event in again]
    assert second[0].raw == first[0].raw


def test_a_refusal_names_the_command_and_changes_nothing(command: Make) -> None:
    domain = Domain("identity")
    assert domain.take(command(1, "identity.link_person", identity_id="i-1"), refuse=True) == ["rejected"]
    assert domain.stored[0].data == {
        "saga_id": SAGA,
        "person_id": ADA,
        "command_id": command(1, "identity.link_person").id,
        "verb": "link_person",
        "reason": "refused",
    }
    assert domain.links.of(ADA) == {}


def test_an_unknown_verb_is_rejected(command: Make) -> None:
    assert Domain("agent").take(command(1, "agent.dance")) == ["rejected"]


def test_links_follow_a_merge_and_end_with_release_and_oblivion(command: Make) -> None:
    domain = Domain("identity")
    domain.take(command(1, "identity.link_person", identity_id="i-1"))
    merge = command(2, "identity.reassign_person", from_person_id=ADA, to_person_id=CARLA)
    assert domain.take(merge) == ["person_reassigned"]
    assert (domain.links.of(ADA), list(domain.links.of(CARLA))) == ({}, [("i-1",)])
    assert domain.folded_again().of(CARLA) == domain.links.of(CARLA)
    assert domain.take(command(3, "identity.release_person", person_id=CARLA)) == ["person_released"]
    assert domain.links.of(CARLA) == {}
    assert domain.take(command(4, "identity.forget_person", person_id=CARLA)) == ["person_forgotten"]


def test_every_answer_says_whose_saga_asked_and_carries_its_correlation(command: Make) -> None:
    for domain, neighbour in NEIGHBOURS.items():
        for number, verb in enumerate(neighbour.verbs):
            asked = command(number, f"{domain}.{verb}", from_person_id=ADA, to_person_id=CARLA)
            for event in answer(asked, Links(domain), refuse=False):
                assert (event.data["person_id"], event.data["saga_id"]) == (ADA, SAGA)
                assert event.subject == f"{domain}.events.{event.type}.{ADA}"
                assert f'"correlationid":"{SAGA}"'.encode() in event.raw


WHAT = {
    "identity_id": "i-1",
    "organization_id": "o-1",
    "role": "Engineer",
    "location_id": "l-1",
    "usage": "Work",
    "component_id": "0190c8a2-7b1e-7c3d-9a4f-00000000000c",
    "provider": "GitHub",
    "username": "ada",
}


def test_every_answer_is_understood_by_the_person_domain(command: Make) -> None:
    for domain, neighbour in NEIGHBOURS.items():
        state = Domain(domain)
        for number, verb in enumerate(neighbour.verbs):
            for refuse in (False, True):
                asked = command(2 * number + refuse, f"{domain}.{verb}", from_person_id=ADA, to_person_id=CARLA, **WHAT)
                state.take(asked, refuse=refuse)
        for said in state.stored:
            event = read_foreign_event(said.raw, subject=said.subject, stored_at=datetime.now(UTC))
            fate = translated(event)
            assert isinstance(fate, ForPersons | Signal), (event.type, fate)
            assert (event.correlationid, event.depth) == (SAGA, 1)
            if isinstance(fate, ForPersons):
                assert fate.person_id == ADA
                known = KnownPerson(git_profiles={fate.link.foreign_id: WHAT["component_id"]} if fate.link else {})
                assert fate.wishes(known), event.type
