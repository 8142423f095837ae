"""The component views of a person: employee, customer, partner, candidate, contact (domain.md 16.7).

A view holds while its condition does and the person is Draft, Active or Suspended; the row has one member for each that holds.
"""

from collections.abc import Callable, Mapping
from typing import Final

from pydantic import JsonValue

from domain.canonical import plain
from domain.components.address import AddressComponent
from domain.components.certification import CertificationComponent
from domain.components.communication_preferences import CommunicationPreferencesComponent
from domain.components.customer_segment import CustomerSegmentComponent
from domain.components.education import EducationComponent
from domain.components.email_address import EmailAddressComponent
from domain.components.messaging_app import MessagingAppComponent
from domain.components.phone_number import PhoneNumberComponent
from domain.components.relationship import RelationshipComponent
from domain.components.skill import SkillComponent
from domain.event_data.identity import NameUpdated
from domain.event_data.lifecycle import PersonCreated
from domain.event_data.privacy import ConsentRecorded, PersonErased
from domain.event_data.relationship import EmploymentAdded, EmploymentEnded, EmploymentRoleChanged
from domain.person import Person
from domain.status import TERMINAL
from domain.values.rules import fold
from domain.views.changed_by import COMPONENT_EVENTS, STATUS_EVENTS, every
from domain.views.model import RenderedModel
from domain.views.portrait import Portrait, Row, portrait_of, readable
from domain.views.skills import level

TOP_SKILLS: Final = 5

DEGREES: Final = (
    "Other",
    "HighSchool",
    "Certificate",
    "Diploma",
    "Associate",
    "Bachelor",
    "Master",
    "Professional",
    "Doctorate",
)
"""Degrees, the lowest first."""


def render_views(person: Person | Portrait) -> Row | None:
    """Who the person is, and the columns of each view that holds."""
    seen = portrait_of(person)
    state = seen.person
    if not state.exists or state.is_erased or state.status in TERMINAL:
        return None
    row: Row = {"person_id": state.person_id, "status": state.status.value, "display_name": seen.display_name}
    for name, columns_of in VIEWS.items():
        columns = columns_of(seen)
        if columns is not None:
            row[name] = columns
    return row


def _employee(seen: Portrait) -> Row | None:
    post = seen.open_employments[0] if seen.open_employments else None
    if seen.email is None or (seen.job is None and post is None):
        return None
    work = next((held for held in seen.held(EmailAddressComponent) if held.data.email_type == "Work"), seen.email)
    columns: Row = {"email": work.data.email.address, "phone": _phone(seen), "organization_ids": seen.organization_ids}
    if seen.job is not None:
        return columns | {
            "employer": seen.job.company,
            "position": seen.job.position,
            "department": seen.job.department,
            "start_date": seen.job.start_date.isoformat(),
            "employment_type": seen.job.employment_type,
        }
    assert post is not None
    return columns | {
        "employer": None,
        "position": readable(post.role),
        "department": readable(post.department_id),
        "start_date": post.start_date.isoformat() if post.start_date else None,
        "employment_type": post.employment_type,
    }


def _customer(seen: Portrait) -> Row | None:
    preferences = seen.only(CommunicationPreferencesComponent)
    segment = seen.only(CustomerSegmentComponent)
    if seen.email is None or (preferences is None and segment is None):
        return None
    marketing = seen.person.consents.get("marketing")
    return {
        "email": seen.email.data.email.address,
        "phone": _phone(seen),
        "preferred_channels": _channels(preferences),
        "language": preferences.preferred_language if preferences else None,
        "segment": segment.primary_segment if segment else None,
        "value_tier": segment.value_tier if segment else None,
        "lifecycle_stage": segment.lifecycle_stage if segment else None,
        "marketing_consent": marketing is not None and marketing.granted,
    }


def _partner(seen: Portrait) -> Row | None:
    partners = {
        held.data.other_person_id
        for held in seen.held(RelationshipComponent)
        if held.data.relationship_type == "BusinessPartner"
    }
    if seen.email is None or not partners:
        return None
    return {
        "email": seen.email.data.email.address,
        "phone": _phone(seen),
        "partner_person_ids": [*sorted(partners)],
        "organization_ids": seen.organization_ids,
    }


def _candidate(seen: Portrait) -> Row | None:
    skills = seen.held(SkillComponent)
    studies = seen.held(EducationComponent)
    certifications = seen.held(CertificationComponent)
    if seen.email is None or not (skills or studies or certifications) or seen.job or seen.open_employments:
        return None
    best = sorted(skills, key=lambda held: (-level(held.data), fold(held.data.name)))[:TOP_SKILLS]
    return {
        "email": seen.email.data.email.address,
        "phone": _phone(seen),
        "top_skills": [held.data.name for held in best],
        "highest_degree": max((held.data.degree_type for held in studies), key=DEGREES.index, default=None),
        "certifications": [held.data.name for held in certifications],
        "location": seen.place,
    }


def _contact(seen: Portrait) -> Row:
    preferences = seen.only(CommunicationPreferencesComponent)
    return {
        "emails": [held.data.email.address for held in seen.held(EmailAddressComponent)],
        "phones": [held.data.phone.number for held in seen.held(PhoneNumberComponent)],
        "messaging_apps": [
            {"platform": held.data.platform, "handle": held.data.handle} for held in seen.held(MessagingAppComponent)
        ],
        "addresses": [
            {"address_type": held.data.address_type, "address": plain(held.data.address)}
            for held in seen.held(AddressComponent)
        ],
        "preferred_channels": _channels(preferences),
        "do_not_disturb": plain(preferences.do_not_disturb_hours) if preferences else None,
    }


def _phone(seen: Portrait) -> str | None:
    return seen.phone.data.phone.number if seen.phone else None


def _channels(preferences: CommunicationPreferencesComponent | None) -> list[JsonValue]:
    return [*preferences.preferred_channels] if preferences else []


VIEWS: Final[Mapping[str, Callable[[Portrait], Row | None]]] = {
    "employee": _employee,
    "customer": _customer,
    "partner": _partner,
    "candidate": _candidate,
    "contact": _contact,
}
"""Views by the name of their member in the row."""

MODEL: Final = RenderedModel(
    "views",
    every(
        PersonCreated,
        NameUpdated,
        *STATUS_EVENTS,
        *COMPONENT_EVENTS,
        EmploymentAdded,
        EmploymentEnded,
        EmploymentRoleChanged,
        ConsentRecorded,
        PersonErased,
    ),
    render_views,
)
