"""The summary of a person: one flat row for lists, cards and filters."""

from datetime import datetime

from pydantic import JsonValue

from domain.components.email_address import EmailAddressComponent
from domain.components.instance import Component
from domain.components.phone_number import PhoneNumberComponent
from domain.person import Person
from domain.personal import Redacted
from domain.times import format_instant
from domain.values.name_display import display_name, sort_name

Row = dict[str, JsonValue]


def render_summary(person: Person) -> Row | None:
    """The row of a person that exists."""
    if not person.exists:
        return None
    return {
        "person_id": person.person_id,
        "status": person.status.value,
        "version": person.version,
        "created_at": instant(person.created_at),
        "updated_at": instant(person.updated_at),
        "last_activity_at": instant(person.last_activity_at),
        **_name(person),
        **_contact(person),
        "current_employer": None,
        "current_role": None,
        "current_organization_ids": [],
        "location": None,
        "primary_location_id": None,
        "skills_count": len(person.components_of("Skill")),
        "component_count": len(person.components),
        "component_types": [*sorted({held.component_type for held in person.components.values()})],
        "identity_level": "Unverified",
        "onboarding_state": person.onboarding.state if person.onboarding else None,
        "onboarding_run": person.onboarding.run if person.onboarding else None,
        "quality_flags": [],
        "redirect_to": person.merged_into,
        "erased": person.is_erased,
    }


def instant(at: datetime | None) -> str | None:
    """An instant as text."""
    return None if at is None else format_instant(at)


def _name(person: Person) -> Row:
    name = person.name
    if name is None or isinstance(name, Redacted):
        return {"display_name": None, "sort_name": None}
    return {"display_name": display_name(name), "sort_name": sort_name(name)}


def _contact(person: Person) -> Row:
    email = _preferred(person, "EmailAddress", EmailAddressComponent)
    phone = _preferred(person, "PhoneNumber", PhoneNumberComponent)
    address = email.data.email.address if email and isinstance(email.data, EmailAddressComponent) else None
    number = phone.data.phone.number if phone and isinstance(phone.data, PhoneNumberComponent) else None
    return {
        "primary_email": address,
        "primary_email_component_id": email.component_id if email else None,
        "primary_phone": number,
        "primary_phone_component_id": phone.component_id if phone else None,
    }


def _preferred(
    person: Person, component_type: str, model: type[EmailAddressComponent] | type[PhoneNumberComponent]
) -> Component | None:
    usable = [
        held
        for held in person.components_of(component_type)
        if isinstance(held.data, model) and getattr(held.data, "can_receive_calls", True)
    ]
    return next((held for held in usable if held.is_primary), usable[0] if usable else None)
