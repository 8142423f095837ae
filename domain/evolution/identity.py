"""Effects of the events of what identifies a person."""

from domain.event_data.identity import (
    AttributeInvalidated,
    AttributeRecorded,
    BirthDateSet,
    IdentityLinked,
    IdentityUnlinked,
    IdentityVerificationChanged,
    NameUpdated,
    TitleAwarded,
    TitleRevoked,
)
from domain.events import Event
from domain.evolution.base import changed, effects, without
from domain.person import Person
from domain.personal import Redacted
from domain.relations import LinkedIdentity
from domain.values.attribute import Attribute
from domain.values.person_title import PersonTitle

EFFECTS, on = effects()


@on(NameUpdated)
def _renamed(person: Person, data: NameUpdated, _: Event) -> Person:
    return changed(person, name=data.new_name)


@on(BirthDateSet)
def _born(person: Person, data: BirthDateSet, _: Event) -> Person:
    return person if person.birth_date is not None else changed(person, birth_date=data.birth_date)


@on(IdentityLinked)
def _linked(person: Person, data: IdentityLinked, event: Event) -> Person:
    if isinstance(data.identity_id, Redacted) or data.identity_id in person.identities:
        return person
    linked = LinkedIdentity.model_construct(
        identity_type=data.identity_type, verification_level=data.verification_level, linked_at=event.time
    )
    return changed(person, identities={**person.identities, data.identity_id: linked})


@on(IdentityUnlinked)
def _unlinked(person: Person, data: IdentityUnlinked, _: Event) -> Person:
    if isinstance(data.identity_id, Redacted) or data.identity_id not in person.identities:
        return person
    return changed(person, identities=without(person.identities, data.identity_id))


@on(IdentityVerificationChanged)
def _verified(person: Person, data: IdentityVerificationChanged, _: Event) -> Person:
    if isinstance(data.identity_id, Redacted) or data.identity_id not in person.identities:
        return person
    linked = person.identities[data.identity_id].model_copy(update={"verification_level": data.verification_level})
    return changed(person, identities={**person.identities, data.identity_id: linked})


@on(TitleAwarded)
def _awarded(person: Person, data: TitleAwarded, _: Event) -> Person:
    if data.title_id in person.titles:
        return person
    return changed(person, titles={**person.titles, data.title_id: PersonTitle.model_construct(**dict(data))})


@on(TitleRevoked)
def _revoked(person: Person, data: TitleRevoked, _: Event) -> Person:
    held = person.titles.get(data.title_id)
    if held is None:
        return person
    revoked = held.model_copy(update={"revoked_date": data.revoked_date})
    return changed(person, titles={**person.titles, data.title_id: revoked})


@on(AttributeRecorded)
def _recorded(person: Person, data: AttributeRecorded, event: Event) -> Person:
    if data.attribute_id in person.attributes:
        return person
    attributes = dict(person.attributes)
    replaced = attributes.get(data.replaces) if data.replaces is not None else None
    if replaced is not None:
        until = data.valid_from or event.time.date()
        attributes[replaced.attribute_id] = replaced.model_copy(update={"valid_until": until})
    fields = {name: value for name, value in data if name != "replaces"}
    attributes[data.attribute_id] = Attribute.model_construct(**fields)
    return changed(person, attributes=attributes)


@on(AttributeInvalidated)
def _invalidated(person: Person, data: AttributeInvalidated, _: Event) -> Person:
    held = person.attributes.get(data.attribute_id)
    if held is None:
        return person
    ended = held.model_copy(update={"valid_until": data.valid_until})
    return changed(person, attributes={**person.attributes, data.attribute_id: ended})
