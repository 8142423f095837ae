"""What a person takes over from one that was merged into it. Nothing that the person has is overwritten."""

from collections.abc import Iterator
from typing import get_args

from domain.canonical import encode_stored
from domain.components.catalogue import COMPONENT_TYPES
from domain.components.instance import Component, Provenance
from domain.decisions.component_guards import needed_consent, other_person, removals
from domain.event_data.base import EventData
from domain.event_data.component import ComponentAdded, ComponentRemoved
from domain.event_data.identity import AttributeRecorded, IdentityLinked, TitleAwarded, TitleRevoked
from domain.event_data.lifecycle import AbsorbedComponent, PersonAbsorbed
from domain.event_data.privacy import ConsentRecorded, LegalHoldPlaced
from domain.event_data.relationship import AgentAssigned, EmploymentAdded, LocationAssigned
from domain.ids import derive
from domain.person import Person
from domain.personal import Redacted
from domain.relations import HeldEmployment
from domain.standing import ConsentType
from domain.times import Day
from domain.values.attribute import Attribute
from domain.values.person_title import PersonTitle

HOLD_REASON = "hold on an absorbed person"
"""Why a hold was placed is not in a state; why it is placed here is this."""


def take_over(command_id: str, person: Person, source: Person, today: Day) -> tuple[EventData, ...]:
    """The events, in their fixed order. What of the source can no longer be read stays behind."""
    consents = tuple(_consents(person, source))
    granted = _granted_after(person, consents)
    gone = {one.component_id for one in consents if isinstance(one, ComponentRemoved)}
    kept = [held for held in person.components.values() if held.component_id not in gone]
    moved, skipped = _components(command_id, person, kept, source, granted)
    absorbed = PersonAbsorbed(
        source_person_id=source.person_id,
        source_version=source.version,
        moved=tuple(
            AbsorbedComponent(source_component_id=_origin(one), component_id=one.component_id) for one in moved
        ),
        skipped=skipped,
    )
    return (
        absorbed,
        *consents,
        *moved,
        *_links(person, source),
        *_facts(person, source),
        *_holds(person, source, today),
    )


def _consents(person: Person, source: Person) -> Iterator[ConsentRecorded | ComponentRemoved]:
    """Decisions that the person lacks; and a refusal wins."""
    for consent_type in get_args(ConsentType):
        theirs, ours = source.consents.get(consent_type), person.consents.get(consent_type)
        if theirs is None or (ours is not None and (theirs.granted or not ours.granted)):
            continue
        yield ConsentRecorded(consent_type=consent_type, granted=theirs.granted, terms_version=theirs.terms_version)
        if not theirs.granted:
            yield from removals(person, consent_type)


def _granted_after(person: Person, events: tuple[EventData, ...]) -> set[ConsentType]:
    granted = {consent_type: held.granted for consent_type, held in person.consents.items()}
    granted.update({one.consent_type: one.granted for one in events if isinstance(one, ConsentRecorded)})
    return {consent_type for consent_type, is_granted in granted.items() if is_granted}


def _components(
    command_id: str, person: Person, kept: list[Component], source: Person, granted: set[ConsentType]
) -> tuple[list[ComponentAdded], tuple[AbsorbedComponent, ...]]:
    """Copies of the components whose place is free, and what holds the place of the others."""
    taken = {place: held.component_id for held in kept if (place := _place(held)) is not None}
    copies: list[Component] = []
    skipped: list[AbsorbedComponent] = []
    for held in sorted(source.components.values(), key=lambda one: one.age):
        consent = needed_consent(held.component_type)
        if isinstance(held.data, Redacted) or (consent is not None and consent not in granted):
            continue
        if other_person(held.component_type, held.data) == person.person_id:
            continue
        place = _place(held)
        if place is not None and place in taken:
            skipped.append(AbsorbedComponent(source_component_id=held.component_id, component_id=taken[place]))
            continue
        copies.append(held)
        if place is not None:
            taken[place] = derive(command_id, f"absorb:{held.component_id}")
    primaries = _primaries(copies, {held.component_type for held in kept})
    moved = [_copy(command_id, held, source, is_primary=held.component_id in primaries) for held in copies]
    return moved, tuple(skipped)


def _place(held: Component) -> tuple[str, ...] | None:
    """What only one component of a person can have: the single slot of its type, or its natural key if it can be read."""
    model = COMPONENT_TYPES.get(held.component_type)
    if model is not None and model.single:
        return (held.component_type,)
    key = held.natural_key()
    return None if key is None else (held.component_type, *key)


def _primaries(copies: list[Component], held_types: set[str]) -> set[str]:
    """One copy of each type that the person has none of: the primary one of the source, or else its oldest copy."""
    chosen: dict[str, Component] = {}
    for held in copies:
        if held.component_type not in held_types and (held.component_type not in chosen or held.is_primary):
            chosen[held.component_type] = held
    return {held.component_id for held in chosen.values()}


def _copy(command_id: str, held: Component, source: Person, *, is_primary: bool) -> ComponentAdded:
    return ComponentAdded(
        component_id=derive(command_id, f"absorb:{held.component_id}"),
        component_type=held.component_type,
        component_data=held.data,
        is_primary=is_primary,
        is_verified=held.is_verified,
        tags=held.tags,
        custom_fields=held.custom_fields,
        provenance=Provenance(
            kind="Absorbed", source_person_id=source.person_id, source_component_id=held.component_id
        ),
    )


def _origin(moved: ComponentAdded) -> str:
    assert moved.provenance is not None
    assert moved.provenance.source_component_id is not None
    return moved.provenance.source_component_id


def _links(person: Person, source: Person) -> Iterator[EventData]:
    for identity_id, linked in sorted(source.identities.items()):
        if identity_id not in person.identities:
            yield IdentityLinked(
                identity_id=identity_id,
                identity_type=linked.identity_type,
                verification_level=linked.verification_level,
            )
    has_primary = any(held.is_primary for held in person.locations.values())
    for key, assigned in sorted(source.locations.items()):
        if key not in person.locations:
            yield LocationAssigned(
                location_id=assigned.location_id,
                location_type=assigned.location_type,
                is_primary=assigned.is_primary and not has_primary,
                start_date=assigned.start_date,
            )
    yield from _employments(person, source)
    yield from _agents(person, source)


def _employments(person: Person, source: Person) -> Iterator[EventData]:
    has_primary = any(held.is_primary for held in person.employments.values())
    posts = {_post(held) for held in person.employments.values() if held.is_open}
    for employment_id, held in sorted(source.employments.items()):
        if employment_id in person.employments or (held.is_open and _post(held) in posts):
            continue
        if isinstance(held.organization_id, Redacted) or isinstance(held.role, Redacted):
            continue
        yield EmploymentAdded(
            employment_id=employment_id,
            organization_id=held.organization_id,
            role=held.role,
            employment_type=held.employment_type,
            department_id=None if isinstance(held.department_id, Redacted) else held.department_id,
            start_date=held.start_date,
            end_date=held.end_date,
            is_primary=held.is_primary and not has_primary,
        )


def _post(held: HeldEmployment) -> tuple[object, object]:
    return held.organization_id, held.role


def _agents(person: Person, source: Person) -> Iterator[EventData]:
    for agent_id, assigned in sorted(source.agents.items()):
        # An exclusive agent stays the only one, on either side.
        exclusive = assigned.assignment == "Exclusive" and person.agents
        if agent_id in person.agents or exclusive or _has_exclusive(person):
            continue
        yield AgentAssigned(
            agent_id=agent_id,
            agent_type=assigned.agent_type,
            assignment=assigned.assignment,
            permissions=assigned.permissions,
        )


def _has_exclusive(person: Person) -> bool:
    return any(held.assignment == "Exclusive" for held in person.agents.values())


def _facts(person: Person, source: Person) -> Iterator[EventData]:
    titles = {_title(held) for held in person.titles.values()}
    for title_id, held in sorted(source.titles.items()):
        if title_id in person.titles or _title(held) in titles or isinstance(held.title, Redacted):
            continue
        yield TitleAwarded(
            title_id=title_id,
            title=held.title,
            title_type=held.title_type,
            awarded_date=held.awarded_date,
            expiry_date=held.expiry_date,
            issuing_authority=held.issuing_authority,
        )
        if held.revoked_date is not None:
            # Without it a title that was taken back would be valid again.
            yield TitleRevoked(title_id=title_id, revoked_date=held.revoked_date)
    known = {_observation(held) for held in person.attributes.values()}
    for attribute_id, attribute in sorted(source.attributes.items()):
        if attribute_id in person.attributes or isinstance(attribute.value, Redacted):
            continue
        if _observation(attribute) in known:
            continue
        yield AttributeRecorded(
            attribute_id=attribute_id,
            attribute_type=attribute.attribute_type,
            name=attribute.name,
            value=attribute.value,
            valid_from=attribute.valid_from,
            valid_until=attribute.valid_until,
            provenance=attribute.provenance,
        )


def _title(held: PersonTitle) -> tuple[object, ...]:
    return held.title, held.title_type, held.awarded_date


def _observation(held: Attribute) -> tuple[object, ...]:
    # The value as bytes: to Python true is 1.
    return held.attribute_type, held.name, encode_stored(held.value), held.valid_from, held.valid_until


def _holds(person: Person, source: Person, today: Day) -> Iterator[EventData]:
    for hold_id, hold in sorted(source.holds.items()):
        if hold.is_open_on(today) and hold_id not in person.holds:
            yield LegalHoldPlaced(hold_id=hold_id, reason=HOLD_REASON, until=hold.until)
