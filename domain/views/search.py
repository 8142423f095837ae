"""The search document of a person: what can be found, and what filters ask for (domain.md 16.3).

A person that was merged away or erased has none.
"""

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from domain.components.address import AddressComponent
from domain.components.email_address import EmailAddressComponent
from domain.components.employment import EmploymentComponent
from domain.components.phone_number import PhoneNumberComponent
from domain.components.skill import SkillComponent
from domain.components.tag import TagComponent
from domain.event_data.identity import IdentityLinked, IdentityUnlinked, IdentityVerificationChanged, NameUpdated
from domain.event_data.lifecycle import PersonCreated
from domain.event_data.privacy import PersonErased
from domain.event_data.relationship import (
    EmploymentAdded,
    EmploymentEnded,
    EmploymentRoleChanged,
    LocationAssigned,
    LocationRemoved,
)
from domain.person import Person
from domain.views.changed_by import COMPONENT_EVENTS, STATUS_EVENTS, every, of_contexts
from domain.views.model import RenderedModel
from domain.views.portrait import Portrait, Row, place_of, portrait_of, readable


def render_search(person: Person | Portrait) -> Row | None:
    """The document: names are the cultural and the preferred form, employers and roles include former ones."""
    seen = portrait_of(person)
    state = seen.person
    if not state.exists or seen.is_gone:
        return None
    posts = [held.data for held in seen.held(EmploymentComponent)]
    return {
        "person_id": state.person_id,
        "status": state.status.value,
        "display_name": seen.display_name,
        "names": _names(seen),
        "emails": _distinct([held.data.email.address for held in seen.held(EmailAddressComponent)]),
        "phones": _distinct([held.data.phone.number for held in seen.held(PhoneNumberComponent)]),
        "employers": _distinct([post.company for post in posts]),
        "roles": _distinct(
            [*[post.position for post in posts], *[readable(held.role) for held in seen.open_employments]]
        ),
        "skills": _distinct([held.data.name for held in seen.held(SkillComponent)]),
        "locations": _distinct([place_of(held.data) for held in seen.held(AddressComponent)]),
        "tags": _distinct([held.data.label for held in seen.held(TagComponent)]),
        "organization_ids": seen.organization_ids,
        "location_ids": [*sorted({held.location_id for held in state.locations.values()})] if state.locations else [],
        "component_types": seen.component_types,
        "identity_level": seen.identity_level,
        "onboarding_state": state.onboarding.state if state.onboarding else None,
        "created_at": seen.created_at,
    }


def _names(seen: Portrait) -> list[JsonValue]:
    if seen.name is None:
        return []
    return _distinct([seen.cultural_name, seen.name.preferred_form])


def _distinct(texts: Sequence[str | None]) -> list[JsonValue]:
    """The texts that are there, each once, in their order."""
    if not texts:
        return []
    if len(texts) == 1:
        return [*texts] if texts[0] else []
    return [text for text in dict.fromkeys(texts) if text]


MODEL: Final = RenderedModel(
    "search",
    every(
        PersonCreated,
        *STATUS_EVENTS,
        NameUpdated,
        *COMPONENT_EVENTS,
        IdentityLinked,
        IdentityUnlinked,
        IdentityVerificationChanged,
        LocationAssigned,
        LocationRemoved,
        EmploymentAdded,
        EmploymentEnded,
        EmploymentRoleChanged,
        *of_contexts("onboarding"),
        PersonErased,
    ),
    render_search,
)
