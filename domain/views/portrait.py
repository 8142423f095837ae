"""A person as views see it: what several of them show, found once.

Data that cannot be read, because its key is gone or it does not satisfy its model, is not shown.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_args

from pydantic import JsonValue

from domain.components.address import AddressComponent
from domain.components.base import ComponentData
from domain.components.catalogue import COMPONENT_TYPES
from domain.components.email_address import EmailAddressComponent
from domain.components.employment import EmploymentComponent
from domain.components.instance import Component
from domain.components.phone_number import PhoneNumberComponent
from domain.person import Person
from domain.personal import Redacted
from domain.relations import HeldEmployment, VerificationLevel
from domain.status import Status
from domain.times import format_instant
from domain.values.name_display import display, sort_name
from domain.values.person_name import PersonName
from domain.views.lazily import lazily

Row = dict[str, JsonValue]
"""What a reader gets: JSON, nothing else."""

D = TypeVar("D", bound=ComponentData)


class Held(NamedTuple, Generic[D]):
    """A component whose data can be read."""

    component: Component
    data: D


class Portrait:
    """One state and what views find in it. Nothing is computed that nobody asks for."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def after(self, person: Person) -> Portrait:
        """The portrait of the state that an event left behind; what was found in members that are the same objects is not looked for again."""
        then = Portrait(person)
        found, lent = self.__dict__, then.__dict__
        for member, parts in _FOUND_IN.items():
            if getattr(person, member) is getattr(self.person, member):
                for part in parts:
                    if part in found:
                        lent[part] = found[part]
        return then

    @lazily
    def name(self) -> PersonName | None:
        """The name, if it can be read."""
        name = self.person.name
        return None if name is None or isinstance(name, Redacted) else name

    @lazily
    def display_name(self) -> str | None:
        """The preferred form, else the cultural one."""
        return None if self.name is None else self.name.preferred_form or self.cultural_name

    @lazily
    def cultural_name(self) -> str | None:
        """The form that the name has where it comes from."""
        return None if self.name is None else display(self.name, "Cultural")

    @lazily
    def sort_name(self) -> str | None:
        """The form lists are ordered by."""
        return None if self.name is None else sort_name(self.name)

    @lazily
    def created_at(self) -> str | None:
        """When the person came to exist, as text."""
        at = self.person.created_at
        return None if at is None else format_instant(at)

    @lazily
    def is_gone(self) -> bool:
        """Whether models that show living persons and their data drop this one: merged away or erased."""
        return self.person.is_erased or self.person.status is Status.MERGED_INTO

    @lazily
    def components(self) -> dict[str, list[Component]]:
        """Components by type, the oldest first."""
        by_type: dict[str, list[Component]] = {}
        for held in self.person.components.values():
            component_type = held.component_type
            if component_type in by_type:
                by_type[component_type].append(held)
            else:
                by_type[component_type] = [held]
        for of_type in by_type.values():
            if len(of_type) > 1:
                of_type.sort(key=lambda held: held.age)
        return by_type

    def held(self, model: type[D]) -> list[Held[D]]:
        """Components of a type whose data can be read, the oldest first."""
        return self._held.get(model, _NONE)

    @lazily
    def _held(self) -> dict[type[ComponentData], list[Any]]:
        """Components whose data can be read, by model; in one go, because views ask for many models."""
        by_model: dict[type[ComponentData], list[Any]] = {}
        for component_type, of_type in self.components.items():
            model = COMPONENT_TYPES.get(component_type)
            if model is not None:
                by_model[model] = [Held(one, one.data) for one in of_type if isinstance(one.data, model)]
        return by_model

    def only(self, model: type[D]) -> D | None:
        """The data of a type that a person has once."""
        held = self.held(model)
        return held[0].data if held else None

    @lazily
    def email(self) -> Held[EmailAddressComponent] | None:
        """The primary mailbox, else the oldest."""
        return preferred(self.held(EmailAddressComponent))

    @lazily
    def phone(self) -> Held[PhoneNumberComponent] | None:
        """The primary line, else the oldest, among those that take calls."""
        return preferred([held for held in self.held(PhoneNumberComponent) if held.data.can_receive_calls])

    @lazily
    def job(self) -> EmploymentComponent | None:
        """The post to show: the primary, else the one that began last, among those that are current and not ended."""
        current = [
            held for held in self.held(EmploymentComponent) if held.data.is_current and held.data.end_date is None
        ]
        if not current:
            return None
        latest = max(current, key=lambda held: (held.component.is_primary, held.data.start_date))
        return latest.data

    @lazily
    def place(self) -> str | None:
        """City and country of the primary address, else of the oldest."""
        held = preferred(self.held(AddressComponent))
        return place_of(held.data) if held else None

    @lazily
    def open_employments(self) -> list[HeldEmployment]:
        """Posts in organizations that have no end, the primary first, then those that began last."""
        held = [one for one in self.person.employments.values() if one.is_open] if self.person.employments else []
        if len(held) > 1:
            held.sort(key=lambda one: one.employment_id)
            held.sort(key=lambda one: (one.is_primary, one.start_date or date.min), reverse=True)
        return held

    @lazily
    def organization_ids(self) -> list[JsonValue]:
        """Organizations in which the person has an open post."""
        if not self.open_employments:
            return []
        return [*sorted({one.organization_id for one in self.open_employments if isinstance(one.organization_id, str)})]

    @lazily
    def identity_level(self) -> VerificationLevel:
        """The highest level to which an identity of the person is verified."""
        if not self.person.identities:
            return LEVELS[0]
        levels = [held.verification_level for held in self.person.identities.values()]
        return max(levels, key=LEVELS.index, default=LEVELS[0])

    @lazily
    def component_types(self) -> list[JsonValue]:
        """Types of which the person has a component."""
        return [*sorted(self.components)]


LEVELS: Final[tuple[VerificationLevel, ...]] = get_args(VerificationLevel)
"""Levels of verification, the lowest first."""

_NONE: Final[list[Any]] = []

_FOUND_IN: Final = {
    "name": ("name", "display_name", "cultural_name", "sort_name"),
    "created_at": ("created_at",),
    "components": ("components", "_held", "email", "phone", "job", "place", "component_types"),
    "employments": ("open_employments", "organization_ids"),
    "identities": ("identity_level",),
}
"""Parts of a portrait by the one member of the state in which they are found. States share members that no event has changed."""


def portrait_of(person: Person | Portrait) -> Portrait:
    """The portrait of a person, or the one that is there already."""
    return person if isinstance(person, Portrait) else Portrait(person)


def preferred(held: list[Held[D]]) -> Held[D] | None:
    """The primary one, else the oldest; the oldest come first in `held`."""
    if len(held) > 1:
        for one in held:
            if one.component.is_primary:
                return one
    return held[0] if held else None


def place_of(address: AddressComponent) -> str:
    """A place as people write it: city and country."""
    return f"{address.address.city}, {address.address.country}"


def readable(value: str | Redacted | None) -> str | None:
    """A text that can be read."""
    return value if isinstance(value, str) else None
