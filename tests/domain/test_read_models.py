"""Read models are folds: what changes them is listed, what they show is the state, and every event is handled or ignored on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import reduce
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from domain.components.catalogue import COMPONENT_TYPES
from domain.event_catalogue import EVENTS
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded, ComponentRemoved
from domain.event_data.identity import IdentityLinked
from domain.event_data.lifecycle import PersonArchived, PersonMerged, PersonSuspended
from domain.event_data.policy import QualityFlagged, RecommendedSkill, SkillAnalysis, SkillsAnalyzed
from domain.event_data.privacy import ConsentRecorded, PersonErased
from domain.event_data.relationship import EmploymentAdded, EmploymentEnded, LocationAssigned
from domain.events import Event, read_event, write_event
from domain.evolve import apply
from domain.person import Person, dump_state, load_state
from domain.views import statistics, timeline
from domain.views.chain import Chain, heads
from domain.views.changed_by import ChangedBy, changes
from domain.views.component_views import VIEWS, render_views
from domain.views.conversation import Message, conversation
from domain.views.network import render_network
from domain.views.portrait import Portrait
from domain.views.search import render_search
from domain.views.skills import recommended_by, render_skills
from domain.views.statistics import DayStatistics, change_of
from domain.views.summary import render_summary
from domain.views.timeline import encode_entry, timeline_entry
from ops.model_rows import CHANGED_BY, PersonModels
from tests.domain.generate_histories import Step, histories
from tests.domain.samples_of_components import SAMPLES
from tests.domain.specification import ADA, GRACE, NOW, created, past_of, person_after, recorded, uuid

HISTORIES = settings(max_examples=100, deadline=None)

RENDERED = {
    "summary": render_summary,
    "search": render_search,
    "skills": lambda person: render_skills(person, []),
    "network": render_network,
    "views": render_views,
}

RELATIONS = {"person.agent_assigned", "person.agent_unassigned"}
LOCATIONS = {"person.location_assigned", "person.location_removed"}
EMPLOYMENTS = {"person.employment_added", "person.employment_ended", "person.employment_role_changed"}
IDENTITIES = {"person.identity_linked", "person.identity_unlinked", "person.identity_verification_changed"}
ONBOARDING = {name for name, spec in EVENTS.items() if spec.context == "onboarding"}
BIOGRAPHY = {
    "person.birth_date_set",
    "person.title_awarded",
    "person.title_revoked",
    "person.attribute_recorded",
    "person.attribute_invalidated",
    "person.absorbed",
}
SUPPORT = {
    "person.activity_recorded",
    "person.inactive_for",
    "person.notification_requested",
    "person.quality_flagged",
    "person.quality_cleared",
}
PRIVACY = {name for name, spec in EVENTS.items() if spec.context == "privacy"} - {"person.erased"}
COMPONENTS = {name for name, spec in EVENTS.items() if spec.context == "component"}
ANALYSIS = {"person.skills_analyzed"}

IGNORED: Mapping[str, set[str]] = {
    "summary": set(),
    "search": RELATIONS | BIOGRAPHY | SUPPORT | PRIVACY | ANALYSIS,
    "skills": {
        *RELATIONS | LOCATIONS | EMPLOYMENTS | IDENTITIES | ONBOARDING | BIOGRAPHY | SUPPORT | PRIVACY,
        "person.created",
        "person.component_primary_changed",
    },
    "network": {
        *RELATIONS | LOCATIONS | EMPLOYMENTS | IDENTITIES | ONBOARDING | BIOGRAPHY | SUPPORT | PRIVACY | ANALYSIS,
        "person.component_verified",
        "person.component_primary_changed",
        "person.skill_endorsed",
    },
    "views": {
        *RELATIONS | LOCATIONS | IDENTITIES | ONBOARDING | BIOGRAPHY | SUPPORT | ANALYSIS,
        *PRIVACY - {"person.consent_recorded"},
    },
    "timeline": set(),
    "statistics": set(),
}
"""Events that leave a model as it is, for each model."""


@pytest.mark.parametrize("model", IGNORED)
def test_every_event_is_handled_or_ignored_on_purpose(model: str) -> None:
    lists: Mapping[str, ChangedBy] = {
        **CHANGED_BY,
        "timeline": timeline.CHANGED_BY,
        "statistics": statistics.CHANGED_BY,
    }
    handled = {name for name, spec in EVENTS.items() if spec.model in lists[model]}
    assert handled | IGNORED[model] == EVENTS.keys()
    assert not handled & IGNORED[model]


def events_of(steps: list[Step]) -> list[Event]:
    return [read_event(write_event(event)) for step in steps for event in step.events]


@HISTORIES
@forall(histories(max_size=30))
def test_an_event_that_is_not_listed_changes_no_row(steps: list[Step]) -> None:
    person = Person.new(ADA)
    for event in events_of(steps):
        before, person = person, apply(person, event)
        for name, render in RENDERED.items():
            if not changes(CHANGED_BY[name], event.data):
                assert render(person) == render(before), (name, event.type)


@HISTORIES
@forall(histories(max_size=30))
def test_rows_kept_live_equal_rows_of_a_replay_from_any_snapshot(steps: list[Step]) -> None:
    models, person = PersonModels(Person.new(ADA), 3), Person.new(ADA)  # L16
    for number, event in enumerate(events_of(steps)):
        models.apply(event, 10 + number)
        person = apply(load_state(dump_state(person)), event)
        for name, render in RENDERED.items():
            if name != "skills":
                shown = models.row(name)
                row = render(person)
                assert (shown is None) == (row is None), name
                assert shown is None or row is None or row.items() <= shown.items()
    assert orjson.loads(orjson.dumps(render_summary(person))) == render_summary(person)


@HISTORIES
@forall(histories(max_size=30), st.integers(1, 4))
def test_a_portrait_that_lends_parts_to_the_next_shows_what_a_new_one_shows(steps: list[Step], apart: int) -> None:
    person = Person.new(ADA)
    kept = Portrait(person)
    for number, event in enumerate(events_of(steps)):
        person = apply(person, event)
        if number % apart:
            # Several events of one cycle make one portrait.
            continue
        kept = kept.after(person)
        for name, render in RENDERED.items():
            assert render(kept) == render(person), (name, event.type)


@HISTORIES
@forall(histories(max_size=30))
def test_an_entry_written_without_taking_it_apart_is_the_entry(steps: list[Step]) -> None:
    for event in events_of(steps):
        position = {"partition": 3, "stream_sequence": 9}
        for erased in (False, True):
            entry = {**timeline_entry(event, erased=erased), "position": position}
            assert orjson.loads(encode_entry(event, 0, position, erased=erased)) == entry
            assert ("details" in entry) is not erased


@HISTORIES
@forall(histories(max_size=30))
def test_the_days_add_up_to_the_state(steps: list[Step]) -> None:
    person, total = Person.new(ADA), DayStatistics()
    for event in events_of(steps):
        after = apply(person, event)
        if after.is_erased:
            erased = change_of(person, event, after)
            assert (erased.statuses, erased.components) == ({}, {}), "an erasure takes no count back"
            break
        total.add(change_of(person, event, after))
        person = after
    counted = total.row()
    assert counted["status_delta"] == ({person.status.value: 1} if person.exists else {})
    assert counted["components_delta"] == Counter(held.component_type for held in person.components.values())
    assert DayStatistics.restored(counted).row() == counted


def added(component_type: str, known_as: str = "", /, **changes: Any) -> ComponentAdded:
    data = COMPONENT_TYPES[component_type].admit({**SAMPLES[component_type], **changes})
    return ComponentAdded(
        component_id=uuid(f"{component_type} {known_as}"), component_type=component_type, component_data=data
    )


EVERYTHING = (
    created(),
    *(added(component_type) for component_type in SAMPLES),
    added("EmailAddress", "second", email={"address": "home@example.org"}, email_type="Personal"),
    added("Employment", "now", company="Now Ltd", position="Chief", is_current=True, end_date=None),
    added("Skill", "Zen", name="Zen", proficiency="Expert"),
    added("Relationship", "partner", relationship_type="BusinessPartner", other_person_id=GRACE),
    IdentityLinked(identity_id="i-1", identity_type="oidc", verification_level="Email"),
    IdentityLinked(identity_id="i-2", identity_type="oidc", verification_level="Document"),
    LocationAssigned(location_id="l-1", location_type="Work", is_primary=True),
    EmploymentAdded(employment_id=uuid("post"), organization_id="o-1", role="Chief"),
    EmploymentAdded(employment_id=uuid("past post"), organization_id="o-0", role="Clerk"),
    EmploymentEnded(employment_id=uuid("past post"), end_date=NOW.date(), reason="Resignation"),
    ConsentRecorded(consent_type="marketing", granted=True, terms_version="1"),
    QualityFlagged(flag_id=uuid("flag"), flag="name_too_short"),
)
"""A person that has something in every column."""


def test_the_summary_shows_job_place_relations_level_and_flags() -> None:
    row = render_summary(person_after(*EVERYTHING))
    assert row is not None
    assert (row["current_employer"], row["current_role"]) == ("Now Ltd", "Chief")
    assert row["current_organization_ids"] == ["o-1"]
    address = SAMPLES["Address"]["address"]
    assert row["location"] == f"{address['city']}, {address['country']}"
    assert row["primary_location_id"] == "l-1"
    assert row["identity_level"] == "Document"
    assert row["quality_flags"] == ["name_too_short"]
    assert row["skills_count"] == 2


def test_the_search_document_holds_what_can_be_found() -> None:
    row = render_search(person_after(*EVERYTHING))
    assert row is not None
    assert row["names"] == ["Ada Lovelace"]
    assert row["emails"] == ["ada@example.org", "home@example.org"]
    assert "Now Ltd" in row["employers"]  # type: ignore[operator]
    assert set(row["skills"]) == {SAMPLES["Skill"]["name"], "Zen"}  # type: ignore[arg-type]
    assert row["tags"] == [SAMPLES["Tag"]["label"]]
    assert row["component_types"] == sorted(SAMPLES)
    assert (row["organization_ids"], row["location_ids"]) == (["o-1"], ["l-1"])


def test_the_skills_row_keeps_the_last_recommendation() -> None:
    result = SkillAnalysis(recommended=(RecommendedSkill(name="Logic", confidence=0.9, source="Algebra"),))
    analyzed = SkillsAnalyzed(git_component_ids=(), result=result)
    row = render_skills(person_after(*EVERYTHING, analyzed), recommended_by(analyzed))
    assert row is not None
    assert row["recommended"] == [{"name": "Logic", "confidence": 0.9, "from": "Algebra"}]
    assert [skill["name"] for skill in row["skills"]] == sorted([SAMPLES["Skill"]["name"], "Zen"])  # type: ignore[index,union-attr,call-overload]
    assert render_skills(person_after(created()), []) is None


def test_the_network_node_holds_the_edges_of_the_person() -> None:
    row = render_network(person_after(*EVERYTHING))
    assert row is not None
    edges: Any = row["edges"]
    assert {(edge["owner"], edge["other"]) for edge in edges} == {
        (ADA, SAMPLES["Relationship"]["other_person_id"]),
        (ADA, GRACE),
    }


def test_a_view_is_there_while_its_condition_holds() -> None:
    views = render_views(person_after(*EVERYTHING))
    assert views is not None
    assert VIEWS.keys() - views.keys() == {"candidate"}, "an employee is no candidate"
    employee: Any = views["employee"]
    assert (employee["email"], employee["employer"]) == ("ada@example.org", "Now Ltd")
    customer: Any = views["customer"]
    assert customer["marketing_consent"] is True
    candidate = render_views(person_after(created(), added("EmailAddress"), added("Skill"), added("Education")))
    assert candidate is not None
    assert VIEWS.keys() & candidate.keys() == {"candidate", "contact"}
    contact = render_views(person_after(created(), added("Skill")))
    assert contact is not None
    assert VIEWS.keys() & contact.keys() == {"contact"}, "without a mailbox only a contact"
    emptied = (added("EmailAddress"), ComponentRemoved(component_type="EmailAddress"))
    assert VIEWS.keys() & (render_views(person_after(created(), added("Skill"), *emptied)) or {}).keys() == {"contact"}


ENDS: Mapping[str, EventData] = {
    "Suspended": PersonSuspended(reason="away"),
    "Archived": PersonArchived(reason="left"),
    "MergedInto": PersonMerged(target_person_id=GRACE, merge_reason="UserRequested"),
    "Erased": PersonErased(),
}
KEPT = {
    "Suspended": {"summary", "search", "skills", "network", "views"},
    "Archived": {"summary", "search", "skills", "network"},
    "MergedInto": {"summary", "network"},
    "Erased": {"summary"},
}


@pytest.mark.parametrize("end", ENDS)
def test_each_model_treats_an_end_as_the_domain_says(end: str) -> None:
    person = person_after(*EVERYTHING, ENDS[end])  # 15.4
    rows = {name: render(person) for name, render in RENDERED.items()}
    assert {name for name, row in rows.items() if row is not None} == KEPT[end]
    left = {"person_id": ADA, "status": person.status.value}
    if end == "MergedInto":
        assert rows["summary"] == {**left, "redirect_to": GRACE}
        assert rows["network"] == {**left, "display_name": None, "redirect_to": GRACE, "edges": []}
    elif end == "Erased":
        assert rows["summary"] == {**left, "erased": True}
    else:
        assert all(row["status"] == end for row in rows.values() if row is not None)


def test_a_merged_person_that_is_erased_still_leads_to_the_target() -> None:
    person = person_after(*past_of("MergedInto"), PersonErased())
    assert render_summary(person) == {"person_id": ADA, "status": "MergedInto", "redirect_to": GRACE, "erased": True}


def test_data_that_cannot_be_read_is_not_shown() -> None:
    odd = ComponentAdded(component_id=uuid("odd"), component_type="Relationship", component_data={"strength": "much"})
    gone = orjson.loads(write_event(recorded(added("Employment", is_current=True, end_date=None), 3)))
    gone["data"]["component_data"] = {"$redacted": "profile"}
    person = apply(person_after(created(), odd), read_event(orjson.dumps(gone)))
    for render in RENDERED.values():
        render(person)
    row: Any = render_network(person)
    assert row["edges"] == []
    summary = render_summary(person)
    assert summary is not None
    assert (summary["current_employer"], summary["component_count"]) == (None, 2)


def test_a_chain_tells_the_first_event_that_was_changed() -> None:
    stored = [b"one", b"two", b"two", b"three"]
    chain = list(heads(ADA, stored))
    assert [one.length for one in chain] == [1, 2, 3, 4]
    assert len({one.head for one in chain}) == 4, "equal neighbours differ"
    assert chain[0].head == sha256(sha256(ADA.encode()).digest() + b"one").digest()
    assert reduce(Chain.link, stored, Chain.of(ADA)) == chain[-1]
    forged = list(heads(ADA, [b"one", b"two", b"TWO", b"three"]))
    assert next(one.length for one, other in zip(chain, forged, strict=True) if one != other) == 3


def test_a_conversation_is_a_tree_of_causes() -> None:
    def message(name: str, cause: str, depth: int) -> Message:
        return Message(name, "event", "person.created", cause, depth, f"2026-01-05T10:00:0{depth}Z", ADA)

    told: Any = conversation([message("b", "a", 1), message("a", "a", 0), message("d", "b", 2), message("c", "a", 1)])
    assert told["faults"] == []
    [root] = told["messages"]
    assert (root["id"], [one["id"] for one in root["effects"]]) == ("a", ["b", "c"])
    assert [one["id"] for one in root["effects"][0]["effects"]] == ["d"]

    odd: Any = conversation([message("x", "lost", 1), message("y", "z", 9), message("z", "y", 2)])
    faults = {(one["id"], one["fault"]) for one in odd["faults"]}
    assert faults >= {("x", "missing_cause"), ("y", "too_deep")}
    assert "cycle" in {fault for _, fault in faults}
    assert {one["id"] for one in odd["messages"]} | {
        below["id"] for one in odd["messages"] for below in one["effects"]
    } == {"x", "y", "z"}
