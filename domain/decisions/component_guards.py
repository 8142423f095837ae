"""Guards that every command shares that adds or changes components."""

from collections.abc import Iterable, Mapping

from domain.components.base import ComponentData
from domain.components.catalogue import COMPONENT_TYPES, RawData
from domain.components.instance import Component
from domain.event_data.component import ComponentRemoved
from domain.person import Person
from domain.personal import Redacted
from domain.refusals import Refused
from domain.standing import Consent, ConsentType


def held_component(person: Person, component_id: str, component_type: str | None = None) -> Component:
    """The component with an id, of a type if one is given. Raises component_not_found or component_type_mismatch."""
    held = person.components.get(component_id)
    if held is None:
        raise Refused("component_not_found", component_id=component_id)
    if component_type is not None and held.component_type != component_type:
        raise Refused("component_type_mismatch", component_id=component_id, expected=held.component_type)
    return held


def require_another_person(person: Person, component_type: str, data: ComponentData) -> None:
    """Refuse a relationship of a person with itself."""
    if other_person(component_type, data) == person.person_id:
        raise Refused("self_reference", field="other_person_id")


def require_consent(person: Person, component_type: str) -> None:
    """Refuse a type that needs a consent which is not granted."""
    consent = COMPONENT_TYPES[component_type].consent
    if not is_granted(person.consents, consent):
        raise Refused("consent_required", consent_type=consent)


def require_free(
    held: Iterable[Component], component_type: str, data: ComponentData, *, except_id: str | None = None
) -> None:
    """Refuse a second component with a natural key, and a second one of a type that is there once."""
    key, single = data.natural_key(), type(data).single
    for other in held:
        if other.component_type != component_type or other.component_id == except_id:
            continue
        if single:
            raise Refused("component_exists", component_id=other.component_id, rule="single")
        if other.natural_key() == key:
            raise Refused("component_exists", component_id=other.component_id, rule="key")


def is_granted(consents: Mapping[ConsentType, Consent], needed: ConsentType | None) -> bool:
    """Whether a consent that is needed, if any, is granted. What was never decided is refused."""
    if needed is None:
        return True
    consent = consents.get(needed)
    return consent is not None and consent.granted


def removals(person: Person, refused: ConsentType) -> tuple[ComponentRemoved, ...]:
    """What has to go when a consent is refused: every component of the types that need it."""
    gone = (held for held in sorted(person.components.values(), key=lambda held: held.age))
    return tuple(
        ComponentRemoved(component_id=held.component_id, component_type=held.component_type)
        for held in gone
        if needed_consent(held.component_type) == refused
    )


def needed_consent(component_type: str) -> ConsentType | None:
    """The consent that a stored component needs; a type that is not known needs none."""
    model = COMPONENT_TYPES.get(component_type)
    return None if model is None else model.consent


def other_person(component_type: str, data: ComponentData | RawData | Redacted) -> object:
    """The person at the other end of a relationship, as far as it can be read."""
    if component_type != "Relationship":
        return None
    return data.get("other_person_id") if isinstance(data, dict) else getattr(data, "other_person_id", None)
