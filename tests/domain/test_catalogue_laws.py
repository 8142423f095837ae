"""Laws that hold for every history over the whole catalogue of commands and events: section 19 of the specification."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from domain.decide import AlreadyRecorded, decide
from domain.event_catalogue import EVENTS
from domain.event_data.base import EventData
from domain.events import read_event, write_event
from domain.evolve import apply, evolve
from domain.onboarding import STATES, STEPS
from domain.person import Person, dump_state, load_state
from domain.refusals import REFUSAL_CODES
from domain.status import COLUMNS, MATRIX, OK, TERMINAL, Status
from tests.domain.generate_documents import command_document, event_document
from tests.domain.generate_histories import SPECS, Step, decided, histories, state_after
from tests.domain.specification import ADA, given, past_of, recorded


def check_invariants(person: Person) -> None:
    """What holds for every state that decisions lead to (L5, L11, L12)."""
    assert (person.status is Status.MERGED_INTO) == (person.merged_into is not None)
    if person.is_erased:
        assert dump_state(person) == dump_state(person.model_copy(update=_erased(person)))
        return
    assert person.name is not None
    assert (person.status is Status.DECEASED) == (person.date_of_death is not None)
    if person.status is Status.DRAFT:
        assert person.onboarding is not None
        assert person.onboarding.state != "Completed"
    if person.date_of_death is not None and person.birth_date is not None:
        assert person.date_of_death >= person.birth_date  # type: ignore[operator]
    held = person.components.values()
    kinds = Counter(component.component_type for component in held)
    primaries = Counter(component.component_type for component in held if component.is_primary)
    assert primaries == dict.fromkeys(kinds, 1), "L11: one primary per type"
    keys = Counter((component.component_type, component.natural_key()) for component in held)
    assert max(keys.values(), default=1) == 1, "L11: natural keys are unique"
    assert not person.retired_components & person.components.keys()
    assert sum(place.is_primary for place in person.locations.values()) <= 1
    assert sum(post.is_primary for post in person.employments.values()) <= 1
    for attribute in person.attributes.values():
        if attribute.valid_from is not None and attribute.valid_until is not None:
            assert attribute.valid_from <= attribute.valid_until


def _erased(person: Person) -> dict[str, Any]:
    kept = {
        "person_id", "version", "status", "created_at", "updated_at", "merged_into", "absorbed", "recent", "erasure"
    }  # fmt: skip
    return {name: value for name, value in dict(Person.new(person.person_id)).items() if name not in kept}


@settings(max_examples=120, deadline=None)
@forall(histories(), st.data())
def test_decisions_are_total_repeatable_and_sound_and_their_log_is_replayed(
    steps: list[Step], data: st.DataObject
) -> None:
    _check_decisions(steps)
    _check_log(steps, data)


def _check_decisions(steps: list[Step]) -> None:
    assert {step.code for step in steps} - {None} <= REFUSAL_CODES.keys(), "L3"
    version = 0
    for step in steps:
        person = step.before
        if step.asked is not None and step.code is None:
            before = dump_state(person)
            assert decide(step.asked, person) == step.events, "L2: a decision is repeatable"
            assert dump_state(person) == before, "L2: a decision changes nothing"
            assert step.events, "no command is accepted and then does nothing"
        for event in step.events:
            version += 1
            assert event.sequence == version, "L1"
            after = apply(person, event)
            assert _content(after) != _content(person) or not _moves(event.type), "L5: decided events are in place"
            if person.status in TERMINAL:
                assert after.status is person.status, "L10: no way out of a terminal status"
            if person.birth_date is not None and not after.is_erased:
                assert after.birth_date == person.birth_date, "L12"
            if not after.is_erased:
                assert person.retired_components <= after.retired_components, "L11: a removed id stays removed"
            person = after
        if person.exists:
            check_invariants(person)


def _content(person: Person) -> bytes:
    return dump_state(
        person.model_copy(update={"version": 0, "updated_at": None, "recent": (), "last_activity_at": None})
    )


def _moves(event_type: str) -> bool:
    """Whether the event has an effect of its own; that of these is only that they happened."""
    return event_type not in ("person.activity_recorded", "person.skills_analyzed")


def _check_log(steps: list[Step], data: st.DataObject) -> None:
    live = state_after(steps)
    raw = [write_event(event) for step in steps for event in step.events]
    events = [read_event(one) for one in raw]
    assert [write_event(event) for event in events] == raw, "L14"
    cut = data.draw(st.integers(0, len(events)))
    snapshot = load_state(dump_state(reduce(apply, events[:cut], Person.new(ADA))))
    replayed = reduce(apply, events[cut:], snapshot)
    assert replayed == live, "L6"
    assert dump_state(replayed) == dump_state(live), "L6"
    for step in steps:
        if step.events and step.asked is not None:
            with pytest.raises(AlreadyRecorded):
                decide(step.asked, live)


@settings(max_examples=60, deadline=None)
@forall(histories(onboarding=True, max_size=24))
def test_onboarding_keeps_to_its_machine(steps: list[Step]) -> None:
    for step in steps:
        before, after = step.before, reduce(apply, step.events, step.before)
        run = after.onboarding
        if run is None or not before.exists:
            continue
        completed = [done.step for done in run.completed]
        assert completed == list(STEPS[: len(completed)]), "steps are completed in their order"
        assert list(run.reverted) == completed[::-1][: len(run.reverted)], "and reverted in the reverse one"
        if run.is_waiting:
            assert run.state == STATES[len(completed)]
        if before.status is Status.DRAFT and after.status is Status.ACTIVE:
            assert completed == list(STEPS[:4]), "L19: a person is activated after the four steps"
        if after.status is Status.DRAFT and run.is_undone:
            assert (after.identities, after.locations, after.components) == ({}, {}, {}), "L19: nothing of it remains"


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_command_in_every_state_is_answered(name: str) -> None:
    """L3 and L10: whatever a command carries, a cell that is not ok gives its code."""
    persons = [given(*past_of(column)).person for column in COLUMNS]

    @settings(max_examples=12, deadline=None)
    @forall(command_document(SPECS[name].model))
    def answered(data: dict[str, Any]) -> None:
        for column, person in zip(COLUMNS, persons, strict=True):
            step = decided(person, SPECS[name], data, 0)
            assert step.events or step.code in REFUSAL_CODES
            if step.asked is not None and MATRIX[name][column] != OK:
                assert step.code == MATRIX[name][column]

    answered()


EVENT_DATA: st.SearchStrategy[EventData] = st.one_of(
    *(event_document(spec.model).map(spec.model.restore) for spec in EVENTS.values())
)


@settings(max_examples=150, deadline=None)
@forall(st.lists(EVENT_DATA, max_size=15), st.sampled_from(sorted(SPECS)), st.data())
def test_any_event_in_any_order_gives_a_state_that_answers(
    past: list[EventData], name: str, data: st.DataObject
) -> None:
    person = given(*past_of("Active")).person
    for sequence, payload in enumerate(past, 2):
        event = recorded(payload, sequence)
        assert read_event(write_event(event)) == event
        evolved = evolve(person, event)
        assert evolved.version == person.version
        person = apply(person, event)
    assert person.version == len(past) + 1
    assert load_state(dump_state(person)) == person
    step = decided(person, SPECS[name], data.draw(command_document(SPECS[name].model)), 0)
    assert step.events or step.code in REFUSAL_CODES
