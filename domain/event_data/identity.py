"""Events of what identifies a person: names, dates, linked identities, titles, attributes."""

from typing import Final

from pydantic import JsonValue

from domain.event_data.base import EventData, EventSpec
from domain.ids import Uuid
from domain.personal import OfIdentity, OfItsType, OfProfile
from domain.relations import VerificationLevel
from domain.times import Day
from domain.values.attribute import AttributeProvenance, AttributeType
from domain.values.attribute_value import AttributeValue
from domain.values.person_name import PersonName
from domain.values.person_title import TitleType


class NameUpdated(EventData):
    """The name changed."""

    old_name: OfIdentity[PersonName] | None = None
    new_name: OfIdentity[PersonName]
    change_reason: OfProfile[str] | None = None


class BirthDateSet(EventData):
    """The birth date became known."""

    birth_date: OfIdentity[Day]


class IdentityLinked(EventData):
    """An identity stands for the person from now on."""

    identity_id: OfProfile[str]
    identity_type: str
    verification_level: VerificationLevel = "Unverified"


class IdentityUnlinked(EventData):
    """An identity no longer stands for the person."""

    identity_id: OfProfile[str]
    reason: OfProfile[str] | None = None


class IdentityVerificationChanged(EventData):
    """A linked identity is verified better or worse than before."""

    identity_id: OfProfile[str]
    verification_level: VerificationLevel


class TitleAwarded(EventData):
    """The person was given a title."""

    title_id: Uuid
    title: OfIdentity[str]
    title_type: TitleType
    awarded_date: OfIdentity[Day] | None = None
    expiry_date: OfIdentity[Day] | None = None
    issuing_authority: OfIdentity[str] | None = None


class TitleRevoked(EventData):
    """A title was taken back."""

    title_id: Uuid
    revoked_date: Day
    revocation_reason: OfProfile[str] | None = None


class AttributeRecorded(EventData):
    """A fact about the person was observed; the one it replaces is no longer valid."""

    attribute_id: Uuid
    attribute_type: AttributeType
    name: str
    value: OfItsType[AttributeValue | JsonValue]
    valid_from: Day | None = None
    valid_until: Day | None = None
    provenance: AttributeProvenance
    replaces: Uuid | None = None


class AttributeInvalidated(EventData):
    """A fact about the person holds no longer."""

    attribute_id: Uuid
    valid_until: Day
    reason: OfProfile[str] | None = None


EVENTS: Final[tuple[EventSpec, ...]] = (
    EventSpec("person.name_updated", 2, "identity", "updated", NameUpdated),
    EventSpec("person.birth_date_set", 2, "identity", "birth_date_set", BirthDateSet),
    EventSpec("person.identity_linked", 2, "identity", "linked", IdentityLinked),
    EventSpec("person.identity_unlinked", 1, "identity", "unlinked", IdentityUnlinked),
    EventSpec(
        "person.identity_verification_changed", 1, "identity", "verification_changed", IdentityVerificationChanged
    ),
    EventSpec("person.title_awarded", 1, "identity", "title_awarded", TitleAwarded),
    EventSpec("person.title_revoked", 1, "identity", "title_revoked", TitleRevoked),
    EventSpec("person.attribute_recorded", 1, "identity", "attribute_recorded", AttributeRecorded),
    EventSpec("person.attribute_invalidated", 1, "identity", "attribute_invalidated", AttributeInvalidated),
)
