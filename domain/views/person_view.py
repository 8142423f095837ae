"""The view of one person that a reader asks for by id, in sections."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Final

from pydantic import JsonValue

from domain.canonical import plain, plain_members
from domain.components.instance import Component
from domain.person import Person
from domain.relations import HeldEmployment
from domain.views.summary import render_summary

Section = Callable[[Person, date | None], JsonValue]
DEFAULT_SECTIONS: Final = ("summary", "components")


def person_view(
    person: Person, include: Collection[str] = DEFAULT_SECTIONS, valid_on: date | None = None
) -> dict[str, JsonValue] | None:
    """Identity of a person that exists, and the sections named in `include`.

    With `valid_on`, titles, attributes and employments are those that hold on that day.
    """
    if not person.exists:
        return None
    view: dict[str, JsonValue] = {
        "person_id": person.person_id,
        "version": person.version,
        "status": person.status.value,
        "name": plain(person.name),
        "birth_date": plain(person.birth_date),
        "date_of_death": plain(person.date_of_death),
        "redirect_to": person.merged_into,
        "erased": person.is_erased,
    }
    return {**view, **{name: section(person, valid_on) for name, section in SECTIONS.items() if name in include}}


def _summary(person: Person, _: date | None) -> JsonValue:
    return render_summary(person)


def _components(person: Person, _: date | None) -> JsonValue:
    return [_component(held) for held in sorted(person.components.values(), key=lambda held: held.age)]


def _component(held: Component) -> JsonValue:
    return {**plain_members(held), "data": plain(held.data)}


def _relations(person: Person, day: date | None) -> JsonValue:
    return {
        "identities": [{"identity_id": key, **plain_members(held)} for key, held in sorted(person.identities.items())],
        "locations": [plain_members(held) for _, held in sorted(person.locations.items())],
        "employments": [
            plain_members(held)
            for _, held in sorted(person.employments.items())
            if day is None or _is_held_on(held, day)
        ],
        "agents": [{"agent_id": key, **plain_members(held)} for key, held in sorted(person.agents.items())],
    }


def _is_held_on(held: HeldEmployment, day: date) -> bool:
    return (held.start_date is None or held.start_date <= day) and (held.end_date is None or day <= held.end_date)


def _titles(person: Person, day: date | None) -> JsonValue:
    return [plain_members(title) for _, title in sorted(person.titles.items()) if day is None or title.is_valid_on(day)]


def _attributes(person: Person, day: date | None) -> JsonValue:
    return [
        plain_members(held) for _, held in sorted(person.attributes.items()) if day is None or held.is_valid_on(day)
    ]


def _consents(person: Person, _: date | None) -> JsonValue:
    return [{"consent_type": key, **plain_members(held)} for key, held in sorted(person.consents.items())]


SECTIONS: Final[Mapping[str, Section]] = {
    "summary": _summary,
    "components": _components,
    "relations": _relations,
    "titles": _titles,
    "attributes": _attributes,
    "consents": _consents,
}
"""Sections by the name under which they are asked for."""
