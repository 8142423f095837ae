"""The catalogue of component types, and the one way component data is read: typed, else as it is."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue, ValidationError

from domain.canonical import plain_members
from domain.components.address import AddressComponent
from domain.components.base import ComponentData
from domain.components.behavioral_data import BehavioralDataComponent
from domain.components.certification import CertificationComponent
from domain.components.communication_preferences import CommunicationPreferencesComponent
from domain.components.custom_attribute import CustomAttributeComponent
from domain.components.customer_segment import CustomerSegmentComponent
from domain.components.education import EducationComponent
from domain.components.email_address import EmailAddressComponent
from domain.components.employment import EmploymentComponent
from domain.components.general_preferences import GeneralPreferencesComponent
from domain.components.git_profile import GitProfileComponent
from domain.components.messaging_app import MessagingAppComponent
from domain.components.phone_number import PhoneNumberComponent
from domain.components.privacy_preferences import PrivacyPreferencesComponent
from domain.components.professional_affiliation import ProfessionalAffiliationComponent
from domain.components.professional_network import ProfessionalNetworkComponent
from domain.components.project import ProjectComponent
from domain.components.relationship import RelationshipComponent
from domain.components.skill import SkillComponent
from domain.components.social_profile import SocialProfileComponent
from domain.components.tag import TagComponent
from domain.components.website import WebsiteComponent
from domain.personal import Redacted

RawData = dict[str, JsonValue]
"""Stored data that does not satisfy the model of its type. It is shown as it is and may be repaired."""

COMPONENT_TYPES: Final[Mapping[str, type[ComponentData]]] = {
    model.type_name: model
    for model in (
        EmailAddressComponent,
        PhoneNumberComponent,
        MessagingAppComponent,
        AddressComponent,
        EmploymentComponent,
        ProfessionalAffiliationComponent,
        ProjectComponent,
        SkillComponent,
        CertificationComponent,
        EducationComponent,
        SocialProfileComponent,
        WebsiteComponent,
        ProfessionalNetworkComponent,
        RelationshipComponent,
        CustomerSegmentComponent,
        BehavioralDataComponent,
        CommunicationPreferencesComponent,
        PrivacyPreferencesComponent,
        GeneralPreferencesComponent,
        TagComponent,
        CustomAttributeComponent,
        GitProfileComponent,
    )
}

TYPE_ALIASES: Final[Mapping[str, str]] = {"Email": "EmailAddress", "Phone": "PhoneNumber"}
"""What older payloads call a type. Read, never written; a command says the true name."""


def true_type(component_type: str) -> str:
    """The name of a component type, whatever a stored payload calls it."""
    return TYPE_ALIASES.get(component_type, component_type)


def stored_data(component_type: str, value: Any) -> ComponentData | RawData | Redacted:
    """Component data as it was stored. Never fails: what does not fit its model stays raw."""
    if isinstance(value, ComponentData | Redacted):
        return value
    model = Redacted if "$redacted" in value else COMPONENT_TYPES.get(true_type(component_type))
    if model is None:
        return dict(value)
    try:
        return model.restore(value)
    except ValidationError:
        return dict(value)


def members(data: ComponentData | RawData | Redacted) -> RawData:
    """Top-level JSON fields of component data, as far as they can be read."""
    if isinstance(data, Redacted):
        return {}
    return plain_members(data) if isinstance(data, ComponentData) else data
