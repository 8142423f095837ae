"""Reads the phone numbers of address books: `tel:` URIs and the ways people write numbers.

A number is never given a country that its text does not name.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_EXTENSION: Final = re.compile(r"\s*(?:;ext=|,*\s*(?:ext\.?|x|#))\s*(\d{1,7})$", re.IGNORECASE)
_CONTEXT: Final = re.compile(r";phone-context=\+(\d{1,3})(?=;|$)", re.IGNORECASE)
_PARAMETERS: Final = re.compile(r";.*$")
# "+44 (0)20 ..." shows the zero dialled inside the country; Italian numbers keep theirs.
_TRUNK_ZERO: Final = re.compile(r"^(\+(?!39)\d{1,3})\s*\(0\)")
_SEPARATORS: Final = re.compile(r"[\s().\-/\u00b7]+")


def phone_fields(text: str) -> dict[str, str]:
    """The fields of the domain's PhoneNumber, as far as the text gives them; nothing is checked."""
    plain = _plain(text)
    uri = plain.lower().startswith("tel:")
    number = plain[len("tel:") :] if uri else plain
    fields: dict[str, str] = {}
    if extension := _EXTENSION.search(number if not uri else _extension_last(number)):
        fields["extension"] = extension[1]
        number = number if uri else number[: extension.start()]
    if context := _CONTEXT.search(number):
        fields["country_calling_code"] = context[1]
    number = _TRUNK_ZERO.sub(r"\1", _PARAMETERS.sub("", number).strip())
    return {"number": _SEPARATORS.sub("", number), **fields}


def _extension_last(number: str) -> str:
    # The parameters of a tel URI come in any order.
    return next((";" + part for part in number.split(";")[1:] if part.lower().startswith("ext=")), "")


def _plain(text: str) -> str:
    # Phones copy numbers with invisible marks of direction, digits of many scripts and typographic dashes.
    characters = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)
        if category == "Nd":
            characters.append(str(unicodedata.decimal(character)))
        elif category == "Pd":
            characters.append("-")
        elif category != "Cf":
            characters.append(character)
    return "".join(characters).strip()
