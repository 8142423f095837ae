"""Laws of merging (specification, section 19: L11, L17, L18): whatever two persons have, nothing is lost and nothing is there twice."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Any

from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from domain.absorbing import take_over
from domain.components.catalogue import COMPONENT_TYPES
from domain.decide import decide
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded
from domain.event_data.lifecycle import PersonAbsorbed, PersonMerged
from domain.event_data.privacy import ConsentRecorded
from domain.events import Event, read_event, write_event
from domain.evolve import apply, evolve
from domain.person import Person
from tests.domain.samples_of_components import SAMPLES
from tests.domain.specification import ADA, GRACE, NOW, admitted, command, created, person_after, recorded, uuid

MERGES = settings(max_examples=60, deadline=None)
THIRD = uuid("third person")

# Few keys, so that two persons often have the same; one of them is the other person, one nobody.
VARIED: dict[str, list[dict[str, Any]]] = {
    "EmailAddress": [{"email": {"address": f"{name}@example.org"}} for name in ("a", "b", "c")],
    "Skill": [{"name": name} for name in ("Rust", "rust", "Logic")],
    "Tag": [{"label": label} for label in ("x", "y")],
    "Relationship": [{"other_person_id": other} for other in (ADA, GRACE, uuid("somebody"))],
    "GeneralPreferences": [{"theme": "Dark"}, {"theme": "Light"}],
    "BehavioralData": [{}],
}
RAW = st.sampled_from(["EmailAddress", "GeneralPreferences"]).map(lambda kind: (kind, {"old": True}))
TYPED = st.sampled_from(list(VARIED)).flatmap(lambda kind: st.tuples(st.just(kind), st.sampled_from(VARIED[kind])))
CONSENTS = st.lists(
    st.builds(
        ConsentRecorded,
        consent_type=st.sampled_from(["profiling", "marketing"]),
        granted=st.booleans(),
        terms_version=st.just("1"),
    ),
    max_size=3,
)


@st.composite
def persons(draw: st.DrawFn, person_id: str) -> Person:
    """A person who came by components and consents as commands allow it, and by some raw data of old."""
    person = person_after(created(), *draw(CONSENTS), person_id=person_id)
    for number, (kind, changes) in enumerate(draw(st.lists(TYPED | RAW, max_size=8))):
        data: Any = changes
        if "old" not in changes:
            data = admitted(COMPONENT_TYPES[kind], **{**SAMPLES[kind], **changes})
        single = COMPONENT_TYPES[kind].single
        if (
            not may_have(person, kind)
            or _refers_to(kind, data) == person_id
            or any(
                held.component_type == kind
                and (single or ("old" not in changes and held.natural_key() == data.natural_key()))
                for held in person.components.values()
            )
        ):
            continue
        added = ComponentAdded(
            component_id=uuid(f"{person_id} {number}"),
            component_type=kind,
            component_data=data,
            is_primary=not person.components_of(kind),
            is_verified=draw(st.booleans()),
        )
        person = apply(person, recorded(added, person.version + 1, person_id=person_id))
    return person


def _refers_to(kind: str, data: Any) -> object:
    return data.other_person_id if kind == "Relationship" else None


def merged(person: Person, target: str) -> Person:
    """The person once it was merged."""
    data = PersonMerged(target_person_id=target, merge_reason="DuplicateIdentity")
    return apply(person, recorded(data, person.version + 1, person_id=person.person_id))


def absorb(person: Person, source: Person, *others: Person) -> tuple[Person, tuple[Event, ...]]:
    """The person with what the source had, by way of stored bytes."""
    data = {"source_person_id": source.person_id, "source_version": 1}
    asked = command("AbsorbPerson", data, others=[source, *others], id=uuid(f"absorb {source.person_id}"))
    events = decide(asked, person)
    assert events == decide(asked, person), "L2"
    stored = [read_event(write_event(event)) for event in events]
    after = person
    for event in stored:
        assert evolve(after, event) is not after, "L5: every event is in place"
        after = apply(after, event)
    assert after == reduce(apply, events, person), "L6"
    return after, events


def check(person: Person) -> None:
    """L11."""
    held = list(person.components.values())
    kinds = Counter(one.component_type for one in held)
    assert Counter(one.component_type for one in held if one.is_primary) == dict.fromkeys(kinds, 1)
    for kind, count in kinds.items():
        assert count == 1 or not COMPONENT_TYPES[kind].single
    keys = Counter((one.component_type, one.natural_key()) for one in held if one.natural_key() is not None)
    assert max(keys.values(), default=1) == 1


def may_have(person: Person, kind: str) -> bool:
    consent = COMPONENT_TYPES[kind].consent
    return consent is None or (consent in person.consents and person.consents[consent].granted)


@MERGES
@forall(persons(ADA), persons(GRACE))
def test_a_merge_loses_no_key_and_adds_none_twice(ada: Person, grace: Person) -> None:
    source = merged(grace, ADA)
    after, (first, *_) = absorb(ada, source)
    check(after)
    assert isinstance(first.data, PersonAbsorbed)
    kept = {key: held for key, held in ada.components.items() if may_have(after, held.component_type)}
    assert {key: after.components[key] for key in kept} == kept, "what the target had stays"
    moved = {one.source_component_id: one.component_id for one in first.data.moved}
    skipped = {one.source_component_id: one.component_id for one in first.data.skipped}
    assert not moved.keys() & skipped.keys()
    assert set(after.components) == {*kept, *moved.values()}
    for held in source.components.values():
        stands = after.components.get({**moved, **skipped}.get(held.component_id, ""))
        to_target = held.component_type == "Relationship" and _refers_to("Relationship", held.data) == ADA
        if to_target or not may_have(after, held.component_type):
            assert stands is None
            continue
        assert stands is not None, "every key of the source is there"
        assert stands.component_type == held.component_type
        if held.component_id in moved:
            assert (stands.data, stands.is_verified) == (held.data, held.is_verified)
        else:
            assert COMPONENT_TYPES[held.component_type].single or stands.natural_key() == held.natural_key()


@MERGES
@forall(persons(ADA), persons(GRACE), persons(THIRD))
def test_the_order_in_which_two_are_absorbed_changes_no_key(ada: Person, grace: Person, third: Person) -> None:
    sources = merged(grace, ADA), merged(third, ADA)
    one, _ = absorb(absorb(ada, sources[0])[0], sources[1])
    other, _ = absorb(absorb(ada, sources[1])[0], sources[0])
    check(one)
    check(other)
    assert keys(one) == keys(other)
    assert {kind: held.granted for kind, held in one.consents.items()} == {
        kind: held.granted for kind, held in other.consents.items()
    }


def keys(person: Person) -> Counter[tuple[str, ...]]:
    """What is there: natural keys, and the number of raw components of each type."""
    return Counter(
        (held.component_type, *(held.natural_key() or ()))
        for held in person.components.values()
        # Which behaviour stays depends on whether a refusal came before or behind it; it never stays against a refusal.
        if held.component_type != "BehavioralData"
    )


@MERGES
@forall(persons(ADA), persons(GRACE), persons(THIRD), st.booleans())
def test_a_chain_of_merges_ends_with_one_person_who_has_everything(
    ada: Person, grace: Person, third: Person, absorbed_between: bool
) -> None:
    source = merged(third, GRACE)
    between = absorb_into_grace(grace, source) if absorbed_between else grace
    between = merged(between, ADA)
    after, _ = absorb(ada, between)
    if not absorbed_between:
        # The middle was merged before it could absorb: the saga follows to the end of the redirects.
        after, _ = absorb(after, source, between)
    check(after)
    for person in (ada, grace, third):
        for key in keys(person):
            readable = key[0] != "Relationship" or key[1] not in (ADA, GRACE)
            assert not readable or len(key) == 1 or key in keys(after)


def absorb_into_grace(grace: Person, source: Person) -> Person:
    payloads: tuple[EventData, ...] = take_over(uuid("absorb into Grace"), grace, source, NOW.date())
    events = (recorded(data, grace.version + 1 + n, person_id=GRACE) for n, data in enumerate(payloads))
    return reduce(apply, events, grace)
