"""The name of a person as old events wrote it, in the parts of today. Takes any value and always gives a name."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final, get_args

from domain.upcasting.form import is_redacted
from domain.values.name_parsing import parse_name
from domain.values.person_name import NamingConvention

NAMELESS: Final = {"family_names": ["?"], "naming_convention": "Other"}
"""What a name reads as that has neither a given nor a family name."""

_OLD_FIELDS: Final = {
    "first_name": "given_names",
    "given_name": "given_names",
    "middle_name": "middle_names",
    "last_name": "family_names",
    "family_name": "family_names",
    "preferred_name": "preferred_form",
    "suffix": "suffixes",
}
_LISTS: Final = ("given_names", "middle_names", "family_names", "prefixes", "suffixes")
_SINGLE: Final = ("patronymic", "matronymic", "honorific", "preferred_form")
_CONVENTIONS: Final = frozenset(get_args(NamingConvention))


def normalised_name(value: object) -> dict[str, Any]:
    """A name in parts; a written name is taken apart, a redacted one stays as it is, what names nobody is `NAMELESS`."""
    if is_redacted(value):
        return value
    if isinstance(value, str):
        value = parse_name(unicodedata.normalize("NFC", value))
    name = _parts(value) if isinstance(value, Mapping) else {}
    return name if name.get("given_names") or name.get("family_names") else {**name, **NAMELESS}


def _parts(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in given.items() if name not in _OLD_FIELDS}
    for old, new in _OLD_FIELDS.items():
        if old in given and not found.get(new):
            found[new] = given[old]
    for name in _LISTS:
        parts = _texts(found.pop(name, None))
        if parts:
            found[name] = parts
    for name in _SINGLE:
        text = _text(found.pop(name, None))
        if text:
            found[name] = text
    convention = found.get("naming_convention", "Western")
    if not isinstance(convention, str) or convention not in _CONVENTIONS:
        found["naming_convention"] = "Other"
    return found


def _texts(value: object) -> list[str]:
    return [text for one in (value if isinstance(value, list) else [value]) if (text := _text(one))]


def _text(value: object) -> str:
    return " ".join(unicodedata.normalize("NFC", value).split()) if isinstance(value, str) else ""
