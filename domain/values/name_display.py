"""How a name is shown: five policies over its parts. A name that is shown is never read back."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from domain.values.person_name import PersonName
from domain.values.rules import first_grapheme
from domain.values.scripts import is_east_asian

Policy = Literal["Cultural", "Informal", "Formal", "Legal", "Alphabetical"]


def display(name: PersonName, policy: Policy) -> str:
    """The name under one display policy."""
    return _POLICIES[policy](name)


def display_name(name: PersonName) -> str:
    """The preferred form, else the cultural one."""
    return name.preferred_form or _cultural(name)


def sort_name(name: PersonName) -> str:
    """The form lists are ordered by."""
    return _alphabetical(name)


def _cultural(name: PersonName) -> str:
    if name.naming_convention == "EastAsian":
        parts = (*name.family_names, *name.given_names)
        return ("" if all(map(is_east_asian, parts)) else " ").join(parts)
    if name.naming_convention == "Mononymic":
        return _only(name)
    ordered = (
        *name.given_names,
        *name.middle_names,
        name.patronymic,
        *name.prefixes,
        *name.family_names,
        name.matronymic,
        *name.suffixes,
    )
    return _words(ordered)


def _informal(name: PersonName) -> str:
    return name.preferred_form or (name.given_names or name.family_names)[0]


def _formal(name: PersonName) -> str:
    return _words((name.honorific, _cultural(name)))


def _legal(name: PersonName) -> str:
    if name.naming_convention == "Mononymic":
        return _only(name)
    initials = (f"{first_grapheme(middle)}." for middle in name.middle_names)
    return _join_family(
        _words((*name.prefixes, *name.family_names)), _words((*name.given_names, *initials, name.patronymic))
    )


def _alphabetical(name: PersonName) -> str:
    if name.naming_convention == "Mononymic":
        return _only(name)
    if not name.family_names:
        return _words((*name.given_names, name.patronymic))
    given = f"{first_grapheme(name.given_names[0])}." if name.given_names else ""
    return _join_family(_words(name.family_names), given)


def _join_family(family: str, given: str) -> str:
    return f"{family}, {given}" if family and given else family or given


def _only(name: PersonName) -> str:
    return _words((*name.given_names, *name.family_names))


def _words(parts: Iterable[str | None]) -> str:
    return " ".join(part for part in parts if part)


_POLICIES: Final[Mapping[Policy, Callable[[PersonName], str]]] = {
    "Cultural": _cultural,
    "Informal": _informal,
    "Formal": _formal,
    "Legal": _legal,
    "Alphabetical": _alphabetical,
}
