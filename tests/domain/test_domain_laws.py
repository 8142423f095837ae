"""Laws of section 19 of the specification, on the commands that most histories are made of.

Those over the whole catalogue are in ``test_catalogue_laws.py``.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Any

import orjson
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from domain.command_form import content_digest
from domain.commands import Command
from domain.decide import AlreadyRecorded, decide
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded, ComponentPrimaryChanged, ComponentRemoved, ComponentUpdated
from domain.event_data.identity import BirthDateSet, NameUpdated
from domain.event_data.lifecycle import (
    DeathRecorded,
    PersonActivated,
    PersonArchived,
    PersonCreated,
    PersonMerged,
    PersonSuspended,
)
from domain.event_data.onboarding import OnboardingStarted
from domain.events import Event, read_event, write_event
from domain.evolve import apply, evolve
from domain.onboarding import STEPS
from domain.person import Person, dump_state, load_state
from domain.personal import Redacted
from domain.refusals import REFUSAL_CODES, Refused
from domain.status import TERMINAL, Status
from domain.subjects import EventSubject, event_subject, parse_event_subject
from domain.times import format_instant, parse_instant
from domain.values.person_name import PersonName
from domain.views.summary import render_summary
from tests.domain.specification import ADA, COMMAND_TYPES, NOW, envelope, read, recorded, uuid

HISTORIES = settings(max_examples=250, deadline=None)

IDS = st.sampled_from([uuid(f"component {number}") for number in range(4)])
NAMES = st.sampled_from(["Ada Lovelace", "山田 太郎", "Björk Guðmundsdóttir", "José Ortega y Gasset", "Sukarno"])
DAYS_SO_FAR = ["1815-12-10", "1900-01-01", "2025-12-31", "2026-01-05"]
DAYS = st.sampled_from([*DAYS_SO_FAR, "2026-01-06"])
REASONS = st.fixed_dictionaries({"reason": st.sampled_from(["away", "back", "left"])})
MAILS = st.builds(
    lambda address, kind: {"email": {"address": address}, "email_type": kind},
    st.sampled_from(["a@example.org", "A@Example.org", "b@bücher.example", *(f"m{n}@example.org" for n in range(9))]),
    st.sampled_from(["Work", "Other"]),
)
SKILLS = st.builds(
    lambda name, years: {"name": name, "category": "Other", "proficiency": "Expert", "years_of_experience": years},
    st.sampled_from(["Rust", "RUST", "Algebra", "Logic", "Chess", "Go", "Welsh", "Law"]),
    st.sampled_from([None, 1, 2.5, 3.0]),
)
COMPONENTS = st.one_of(
    MAILS.map(lambda data: {"component_type": "EmailAddress", "data": data}),
    SKILLS.map(lambda data: {"component_type": "Skill", "data": data}),
)
TYPES = st.sampled_from(["EmailAddress", "Skill"])
MAIL_CHANGES = MAILS | st.sampled_from([{"email_type": None}, {"email": {"address": "broken"}}])
SKILL_CHANGES = SKILLS | st.just({"years_of_experience": None})


def targeted(component_id: str, component_type: str, **data: Any) -> dict[str, Any]:
    return {"component_id": component_id, "component_type": component_type, **data}


# Most ids belong to one type, so that commands meet the components of earlier ones.
MAIL_IDS = st.sampled_from([uuid("component 0"), uuid("component 1")])
SKILL_IDS = st.sampled_from([uuid("component 2"), uuid("component 3")])
NAMED = st.one_of(
    st.builds(lambda held, data: targeted(held, "EmailAddress", data=data), MAIL_IDS, MAILS),
    st.builds(lambda held, data: targeted(held, "Skill", data=data), SKILL_IDS, SKILLS),
)
PAYLOADS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "CreatePerson": st.builds(
        lambda name, seldom, day: {"name": name, "source": "hr", "onboarding": seldom == 9, "birth_date": day},
        NAMES,
        st.integers(0, 9),
        st.none() | st.sampled_from(DAYS_SO_FAR),
    ),
    "UpdatePerson": st.builds(lambda name, day: {"name": name, "birth_date": day}, st.none() | NAMES, st.none() | DAYS),
    "SuspendPerson": REASONS,
    "ReactivatePerson": REASONS,
    "ArchivePerson": REASONS,
    "RecordDeath": DAYS.map(lambda day: {"date_of_death": day}),
    "AddComponent": st.builds(
        lambda named, primary: {**named, "is_primary": primary}, NAMED | COMPONENTS, st.booleans()
    ),
    "UpdateComponent": st.one_of(
        st.builds(lambda held, data: targeted(held, "EmailAddress", changes=data), MAIL_IDS, MAIL_CHANGES),
        st.builds(lambda held, data: targeted(held, "Skill", changes=data), SKILL_IDS, SKILL_CHANGES),
        st.builds(lambda held: targeted(held, "Skill", changes={}), IDS),
    ),
    "RemoveComponent": st.builds(targeted, IDS, TYPES),
}
assert PAYLOADS.keys() <= COMMAND_TYPES.keys()

# Components and Active persons are where most rules are; endings are drawn seldom, so that histories get long.
ORDINARY = ["AddComponent"] * 6 + ["UpdateComponent"] * 4 + ["RemoveComponent"] * 2
RARE = ["UpdatePerson", "SuspendPerson", "ReactivatePerson", "ArchivePerson", "RecordDeath", "CreatePerson"]
WEIGHED = [*ORDINARY * 4, "UpdatePerson", "SuspendPerson", *["ReactivatePerson"] * 4, *RARE]


@st.composite
def commands(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = ["CreatePerson", *draw(st.lists(st.sampled_from(WEIGHED), min_size=4, max_size=20))]
    documents = []
    for number, name in enumerate(names):
        attributes: dict[str, Any] = {"id": uuid(f"command {number}")}
        if draw(st.integers(0, 19)) == 19:
            attributes["expectedversion"] = draw(st.integers(0, 5))
        documents.append(envelope(name, draw(PAYLOADS[name]), **attributes))
    return documents


def run(documents: list[dict[str, Any]]) -> tuple[Person, list[bytes], list[Command]]:
    """Decides on each command; gives the live state, the log, and the commands that were accepted."""
    person = Person.new(ADA)
    log: list[bytes] = []
    accepted: list[Command] = []
    codes: set[str] = set()
    for document in documents:
        try:
            command = read(document)
            before = dump_state(person)
            events = decide(command, person)
            assert events == decide(command, person), "L2: a decision is repeatable"
            assert dump_state(person) == before, "L2: a decision changes nothing"
        except Refused as refused:
            codes.add(refused.code)
            continue
        for event in events:
            person = in_place(person, event)
            log.append(write_event(event))
        accepted.append(command)
        check_invariants(person)
    assert codes <= REFUSAL_CODES.keys(), "L3: every refusal has a code"
    return person, log, accepted


def in_place(person: Person, event: Event) -> Person:
    assert evolve(person, event) is not person, "L5: decided events are in place"
    after = apply(person, event)
    if person.status in TERMINAL:
        assert after.status is person.status, "L10: no way out of a terminal status"
    if person.birth_date is not None:
        assert after.birth_date == person.birth_date, "L12"
    assert person.retired_components <= after.retired_components, "L11: a removed id stays removed"
    return after


def check_invariants(person: Person) -> None:
    assert person.name is not None
    assert (person.status is Status.MERGED_INTO) == (person.merged_into is not None)
    assert (person.status is Status.DECEASED) == (person.date_of_death is not None)
    assert person.status is not Status.DRAFT or person.onboarding is not None
    if person.date_of_death is not None and person.birth_date is not None:
        assert person.date_of_death >= person.birth_date  # type: ignore[operator]
    held = person.components.values()
    kinds = Counter(component.component_type for component in held)
    primaries = Counter(component.component_type for component in held if component.is_primary)
    assert primaries == dict.fromkeys(kinds, 1), "L11: one primary per type"
    keys = Counter((component.component_type, component.natural_key()) for component in held)
    assert max(keys.values(), default=1) == 1, "L11: natural keys are unique"
    assert not person.retired_components & person.components.keys()


@HISTORIES
@forall(commands())
def test_versions_count_the_events_without_gaps(documents: list[dict[str, Any]]) -> None:
    person, log, _ = run(documents)  # L1, and L2, L3, L5, L10 to L12 on the way
    assert [read_event(raw).sequence for raw in log] == list(range(1, person.version + 1))


@HISTORIES
@forall(commands(), st.data())
def test_a_replay_equals_the_live_state_from_any_snapshot(documents: list[dict[str, Any]], data: st.DataObject) -> None:
    live, log, _ = run(documents)  # L6, L16
    events = [read_event(raw) for raw in log]
    cut = data.draw(st.integers(0, len(events)))
    early = reduce(apply, events[:cut], Person.new(ADA))
    snapshot = load_state(dump_state(early))
    assert snapshot == early
    replayed = reduce(apply, events[cut:], snapshot)
    assert replayed == live
    assert dump_state(replayed) == dump_state(live)
    assert render_summary(replayed) == render_summary(live)


@HISTORIES
@forall(commands(), st.data())
def test_delivering_again_changes_nothing(documents: list[dict[str, Any]], data: st.DataObject) -> None:
    person, log, accepted = run(documents)  # L7
    if log:
        again = read_event(data.draw(st.sampled_from(log)))
        assert apply(person, again) is person
    for command in accepted:
        try:
            decide(command, person)
        except AlreadyRecorded as known:
            recorded_events = [read_event(raw) for raw in log[known.first_sequence - 1 :][: known.count]]
            assert {event.causationid for event in recorded_events} == {command.id}
        else:
            raise AssertionError("the command was decided twice")


@HISTORIES
@forall(commands())
def test_bytes_and_subjects_are_read_back(documents: list[dict[str, Any]]) -> None:
    _, log, _ = run(documents)  # L14, L26
    for raw in log:
        event = read_event(raw)
        assert write_event(event) == raw
        assert orjson.dumps(orjson.loads(raw), option=orjson.OPT_SORT_KEYS) == raw
        subject = event_subject(event)
        assert str(parse_event_subject(subject)) == subject
        assert read_event(raw, subject=subject) == event


@HISTORIES
@forall(commands())
def test_events_descend_from_their_commands(documents: list[dict[str, Any]]) -> None:
    _, log, accepted = run(documents)  # L15
    origin = {command.id: command for command in accepted}
    for raw in log:
        event = read_event(raw)
        cause = origin[event.causationid]
        assert (event.correlationid, event.causationdepth) == (cause.correlationid, cause.causationdepth)
        assert event.id not in origin
    assert len({read_event(raw).id for raw in log}) == len(log)


REDACTED = Redacted(**{"$redacted": "identity"})
MAYBE_NAME = st.sampled_from([PersonName.parse("Ada Lovelace"), PersonName.parse("毛泽东"), REDACTED])
MAYBE_TEXT = st.sampled_from(["away", REDACTED])
MAYBE_DAY = st.sampled_from([NOW.date(), REDACTED])
SOME_DATA = st.sampled_from(
    [
        REDACTED,
        {},
        {"email": "raw"},
        {"email": {"address": "a@example.org"}},
        {"name": "Rust", "category": "Other", "proficiency": "Expert"},
    ]
)
SOME_CHANGES = st.sampled_from([REDACTED, {}, {"email": None}, {"email": {"address": "b@example.org"}}, {"x": [1]}])
KINDS = st.sampled_from(["EmailAddress", "Skill", "Hologram"])
EVENT_DATA: st.SearchStrategy[EventData] = st.one_of(
    st.builds(PersonCreated, name=MAYBE_NAME, source=st.just("hr"), onboarding=st.booleans()),
    st.builds(PersonActivated, reason=MAYBE_TEXT),
    st.builds(PersonSuspended, reason=MAYBE_TEXT),
    st.builds(PersonArchived, reason=MAYBE_TEXT),
    st.builds(DeathRecorded, date_of_death=MAYBE_DAY),
    st.builds(PersonMerged, target_person_id=IDS, merge_reason=st.just("UserRequested")),
    st.builds(NameUpdated, old_name=MAYBE_NAME, new_name=MAYBE_NAME, change_reason=MAYBE_TEXT),
    st.builds(BirthDateSet, birth_date=MAYBE_DAY),
    st.builds(OnboardingStarted, onboarding_id=IDS, run=st.integers(1, 3), steps=st.just(STEPS)),
    st.builds(
        ComponentAdded,
        component_id=IDS,
        component_type=KINDS,
        component_data=SOME_DATA,
        is_primary=st.booleans(),
        is_verified=st.booleans(),
        tags=st.sampled_from([(), ("x",), REDACTED]),
        custom_fields=st.sampled_from([{}, {"k": 1}, REDACTED]),
    ),
    st.builds(
        ComponentUpdated,
        component_id=IDS,
        component_type=st.none() | KINDS,
        changes=SOME_CHANGES,
        verification_reset=st.booleans(),
    ),
    st.builds(ComponentRemoved, component_id=st.none() | IDS, component_type=KINDS),
    st.builds(ComponentPrimaryChanged, component_id=IDS, component_type=KINDS, previous_component_id=st.none() | IDS),
)
HISTORY = st.lists(EVENT_DATA, max_size=12)


@HISTORIES
@forall(HISTORY, st.sampled_from([None, "Erased"]))
def test_any_event_in_any_order_gives_a_state(history: list[EventData], erasure: str | None) -> None:
    person = Person.new(ADA).model_copy(update={"erasure": erasure})  # L4
    for sequence, data in enumerate(history, 1):
        event = recorded(data, sequence)
        evolved = evolve(person, event)
        assert evolved.version == person.version
        person = apply(person, event)
        assert person.version == sequence
        held = person.components.values()
        primaries = Counter(component.component_type for component in held if component.is_primary)
        assert max(primaries.values(), default=0) <= 1
    assert load_state(dump_state(person)) == person
    render_summary(person)


@HISTORIES
@forall(HISTORY, commands())
def test_any_command_in_any_state_is_answered(history: list[EventData], documents: list[dict[str, Any]]) -> None:
    person = reduce(apply, (recorded(data, number) for number, data in enumerate(history, 1)), Person.new(ADA))
    codes: set[str] = set()
    for document in documents:
        try:
            for event in decide(read(document), person):  # L3
                person = apply(person, event)
        except Refused as refused:
            codes.add(refused.code)
    assert codes <= REFUSAL_CODES.keys()


@settings(max_examples=100, deadline=None)
@forall(st.datetimes(timezones=st.just(NOW.tzinfo)))
def test_instants_are_read_back(instant: Any) -> None:
    assert parse_instant(format_instant(instant)) == instant


@settings(max_examples=100, deadline=None)
@forall(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), IDS, st.none() | st.integers(0, 2**31))
def test_subjects_are_read_back(word: str, person_id: str, partition: int | None) -> None:
    subject = EventSubject(word, word, person_id, partition)
    assert parse_event_subject(str(subject)) == subject


@settings(max_examples=50, deadline=None)
@forall(commands())
def test_the_digest_of_a_command_does_not_depend_on_spelling(documents: list[dict[str, Any]]) -> None:
    for document in documents:
        spelled = orjson.dumps(dict(reversed(document.items())), option=orjson.OPT_INDENT_2)
        assert content_digest(spelled) == content_digest(orjson.dumps(document))
