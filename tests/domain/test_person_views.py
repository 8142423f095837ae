"""What readers see: summary, timeline and the view by id."""

from typing import Any

import orjson

from domain.components.email_address import EmailAddressComponent
from domain.components.phone_number import PhoneNumberComponent
from domain.components.skill import SkillComponent
from domain.event_catalogue import EVENTS
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded, ComponentUpdated
from domain.person import Person
from domain.personal import Redacted
from domain.views.person_view import SECTIONS, person_view
from domain.views.summary import render_summary
from domain.views.timeline import timeline_entry
from tests.domain.specification import ADA, GRACE, created, onboarding_started, past_of, person_after, recorded, uuid


def added(name: str, data: Any, *, is_primary: bool = False) -> EventData:
    return ComponentAdded(
        component_id=uuid(name), component_type=data.type_name, component_data=data, is_primary=is_primary
    )


def line(number: str, **fields: Any) -> Any:
    return PhoneNumberComponent.admit({"phone": {"number": number}, **fields})


FULL = (
    created(),
    added("old mail", EmailAddressComponent.admit({"email": {"address": "old@example.org"}})),
    added("mail", EmailAddressComponent.admit({"email": {"address": "ada@example.org"}}), is_primary=True),
    added("silent", line("+49301234567", can_receive_calls=False), is_primary=True),
    added("phone", line("+49307654321", phone_type="Mobile")),
    added("skill", SkillComponent.admit({"name": "Algebra", "category": "Analytical", "proficiency": "Expert"})),
)


def test_the_summary_has_every_column() -> None:
    assert render_summary(person_after(*FULL)) == {
        "person_id": ADA,
        "status": "Active",
        "version": 6,
        "created_at": "2026-01-05T10:00:00Z",
        "updated_at": "2026-01-05T10:00:00Z",
        "last_activity_at": "2026-01-05T10:00:00Z",
        "display_name": "Ada Lovelace",
        "sort_name": "Lovelace, A.",
        "primary_email": "ada@example.org",
        "primary_email_component_id": uuid("mail"),
        "primary_phone": "+49307654321",
        "primary_phone_component_id": uuid("phone"),
        "current_employer": None,
        "current_role": None,
        "current_organization_ids": [],
        "location": None,
        "primary_location_id": None,
        "skills_count": 1,
        "component_count": 5,
        "component_types": ["EmailAddress", "PhoneNumber", "Skill"],
        "identity_level": "Unverified",
        "onboarding_state": None,
        "onboarding_run": None,
        "quality_flags": [],
        "redirect_to": None,
        "erased": False,
    }


def test_a_person_who_does_not_exist_has_no_views() -> None:
    assert render_summary(Person.new(ADA)) is None
    assert person_view(Person.new(ADA)) is None


def test_the_summary_follows_onboarding_and_merge() -> None:
    draft = render_summary(person_after(created(onboarding=True), onboarding_started()))
    assert draft is not None
    assert (draft["onboarding_state"], draft["onboarding_run"]) == ("WaitingForIdentityVerification", 1)
    merged = render_summary(person_after(*past_of("MergedInto")))
    assert merged is not None
    assert (merged["status"], merged["redirect_to"]) == ("MergedInto", GRACE)


def test_a_name_that_cannot_be_read_is_not_shown() -> None:
    hidden = person_after(created()).model_copy(update={"name": Redacted(**{"$redacted": "identity"})})
    row = render_summary(hidden)
    assert row is not None
    assert (row["display_name"], row["sort_name"]) == (None, None)


def test_without_a_primary_the_oldest_is_shown() -> None:
    row = render_summary(person_after(FULL[0], FULL[1]))
    assert row is not None
    assert row["primary_email_component_id"] == uuid("old mail")


def test_the_view_has_the_sections_asked_for() -> None:
    view: Any = person_view(person_after(*FULL))
    assert view is not None
    assert view["name"] == {
        "given_names": ["Ada"],
        "middle_names": [],
        "family_names": ["Lovelace"],
        "prefixes": [],
        "suffixes": [],
        "naming_convention": "Western",
    }
    assert view["summary"] == render_summary(person_after(*FULL))
    held = {held["component_id"]: held["data"] for held in view["components"]}
    assert len(held) == 5
    assert held[uuid("old mail")] == {
        "email": {"address": "old@example.org"},
        "email_type": "Other",
        "can_receive_notifications": True,
        "can_receive_marketing": False,
    }
    everything = person_view(person_after(*FULL), include=SECTIONS)
    assert everything is not None
    assert everything["relations"] == {"identities": [], "locations": [], "employments": [], "agents": []}
    assert (everything["titles"], everything["attributes"], everything["consents"]) == ([], [], [])
    assert orjson.loads(orjson.dumps(everything)) == everything


def test_a_timeline_entry_tells_the_event() -> None:
    changes = {"last_used": None}
    event = recorded(ComponentUpdated(component_id=GRACE, component_type="Skill", changes=changes), 4)
    assert timeline_entry(event) == {
        "person_id": ADA,
        "sequence": 4,
        "part": 0,
        "at": "2026-01-05T10:00:00Z",
        "type": "person.component_updated",
        "category": "component",
        "title": "Component updated",
        "actor": "user:u-1",
        "correlation_id": uuid("cause 4"),
        "details": {
            "component_id": GRACE,
            "component_type": "Skill",
            "changes": changes,
            "verification_reset": False,
        },
    }


def test_events_have_titles_in_words() -> None:
    titles = {spec.type: spec.title for spec in EVENTS.values()}
    assert titles["person.created"] == "Person created"
    assert titles["person.component_primary_changed"] == "Component primary changed"
