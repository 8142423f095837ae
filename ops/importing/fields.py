"""Turns texts of a source into fields of commands, by the value objects of the domain.

A text that does not fit is refused with the field and the rule, never with the text itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from domain.fields import broken_rule
from domain.model import Frozen
from domain.values.email import EmailAddress
from domain.values.person_name import PersonName
from domain.values.phone import PhoneNumber
from domain.values.scripts import is_east_asian

_BESIDE_LETTERS: Final = frozenset(" '.-\u2019\u02bc\u00b7\u30fb\u200c\u200d")
_LIST_FIELDS: Final = ("given_names", "middle_names", "family_names", "suffixes")


class UnfitError(Exception):
    """A text breaks a rule of the domain; the message names the field and the rule only."""


def name_of_text(text: str) -> dict[str, Any]:
    """The fields of a name written in one line; what no name may hold (digits, emoji) is left out if need be."""
    try:
        return _name(PersonName.parse(text))
    except ValidationError:
        plain = _plain(text)
    try:
        return _name(PersonName.parse(plain))
    except ValidationError as error:
        raise _unfit("name", error) from error


def name_of_login(login: str) -> dict[str, Any]:
    """The fields of a person known by a login only: it is their one name, whatever it seems to be made of."""
    return _admitted_name({"given_names": [_plain(login)], "naming_convention": "Mononymic"})


def name_of_parts(parts: Mapping[str, list[str]], honorific: str) -> dict[str, Any]:
    """The fields of a name whose parts are known. A part without letters is left out."""
    fields: dict[str, Any] = {}
    for field in _LIST_FIELDS:
        kept = [plain for text in parts.get(field, ()) if _has_letter(plain := _plain(text))]
        if kept:
            fields[field] = kept
    if _has_letter(_plain(honorific)):
        fields["honorific"] = _plain(honorific)
    fields["naming_convention"] = _convention(fields)
    return _admitted_name(fields)


def name_of_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a name given as the domain has them; only the convention is worked out when it is missing."""
    if "naming_convention" in fields:
        return _admitted_name(fields)
    return _admitted_name({**fields, "naming_convention": _convention(fields)})


def email_address(text: str) -> dict[str, Any]:
    """The fields of an e-mail address."""
    return _fields(EmailAddress, "email", {"address": text})


def phone_number(given: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a phone number, checked and written as the domain writes them."""
    return _fields(PhoneNumber, "phone", given)


def _convention(fields: Mapping[str, Any]) -> str:
    named = [*fields.get("family_names", ()), *fields.get("given_names", ())]
    if any(is_east_asian(part) for part in named):
        return "EastAsian"
    alone = len(named) == 1 and "middle_names" not in fields
    return "Mononymic" if alone else "Western"


def _admitted_name(fields: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _name(PersonName.admit(fields))
    except ValidationError as error:
        raise _unfit("name", error) from error


def _name(name: PersonName) -> dict[str, Any]:
    fields = name.model_dump(mode="json", exclude_defaults=True)
    return fields | {"naming_convention": name.naming_convention}


def _fields(model: type[Frozen], field: str, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return model.admit(given).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        raise _unfit(field, error) from error


def _unfit(field: str, error: ValidationError) -> UnfitError:
    return UnfitError(": ".join(broken_rule(error, field)))


def _plain(text: str) -> str:
    kept = []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if category[0] in "LM" or character in _BESIDE_LETTERS:
            kept.append(character)
        else:
            kept.append("-" if category == "Pd" else " ")
    return " ".join("".join(kept).split())


def _has_letter(text: str) -> bool:
    return any(character.isalpha() for character in text)
