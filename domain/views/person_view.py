"""The view of one person that a reader asks for by id, in sections."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from pydantic import JsonValue

from domain.canonical import plain, plain_members
from domain.components.instance import Component
from domain.person import Person
from domain.views.summary import render_summary

Section = Callable[[Person], JsonValue]
DEFAULT_SECTIONS: Final = ("summary", "components")


def person_view(person: Person, include: Collection[str] = DEFAULT_SECTIONS) -> dict[str, JsonValue] | None:
    """Identity of a person that exists, and the sections named in `include`."""
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
    return {**view, **{name: section(person) for name, section in SECTIONS.items() if name in include}}


def _summary(person: Person) -> JsonValue:
    return render_summary(person)


def _components(person: Person) -> JsonValue:
    return [_component(held) for held in sorted(person.components.values(), key=lambda held: held.age)]


def _component(held: Component) -> JsonValue:
    return {**plain_members(held), "data": plain(held.data)}


def _relations(_: Person) -> JsonValue:
    return {"identities": [], "locations": [], "employments": [], "agents": []}


def _none(_: Person) -> JsonValue:
    return []


SECTIONS: Final[Mapping[str, Section]] = {
    "summary": _summary,
    "components": _components,
    "relations": _relations,
    "titles": _none,
    "attributes": _none,
    "consents": _none,
}
"""Sections by the name under which they are asked for."""
