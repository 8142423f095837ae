"""The name of a person: its parts, in any script, and their rules."""

import unicodedata
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ModelWrapValidatorHandler, ValidationInfo, model_validator

from domain.model import is_stored
from domain.state_json import DumpedOnce
from domain.values.name_parsing import parse_name
from domain.values.rules import broken, on_entry

NamingConvention = Literal["Western", "Spanish", "EastAsian", "Patronymic", "Mononymic", "Other"]

_APOSTROPHES: Final = "'\u2018\u2019\u05f3\uff07"
_HYPHENS: Final = "-\u2010\u2011\u058a\u05be\u30a0\uff0d"
_DOTS: Final = ".\u00b7\u2027\u30fb\uff65"
_JOINERS: Final = "\u200c\u200d"
_PUNCTUATION: Final = frozenset(_APOSTROPHES + _HYPHENS + _DOTS + _JOINERS)


def _part(text: str) -> str:
    part = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(part) <= 100:
        raise broken("name_part_length")
    kinds = {unicodedata.category(character)[0] for character in part if character not in _PUNCTUATION}
    if "L" not in kinds:
        raise broken("name_part_letter")
    if not kinds <= {"L", "M", "Z"}:
        raise broken("name_part_character")
    return part


def _parts(texts: tuple[str, ...]) -> tuple[str, ...]:
    if len(texts) > 8:
        raise broken("name_part_count")
    return tuple(_part(text) for text in texts)


Part = Annotated[str, on_entry(_part, minLength=1)]
Parts = Annotated[tuple[str, ...], on_entry(_parts, maxItems=8)]


class PersonName(DumpedOnce):
    """A name in parts. Two names are equal when all parts are."""

    given_names: Parts = ()
    middle_names: Parts = ()
    family_names: Parts = ()
    patronymic: Part | None = None
    matronymic: Part | None = None
    prefixes: Parts = ()
    suffixes: Parts = ()
    honorific: Part | None = None
    preferred_form: Part | None = None
    naming_convention: NamingConvention = "Western"

    @classmethod
    def parse(cls, text: str, *, locale: str | None = None) -> Self:
        """Splits a written name into its parts. A convenience: parts that are known should be given as parts."""
        return cls.admit(parse_name(text, locale))

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, value: Any, handler: ModelWrapValidatorHandler["PersonName"], info: ValidationInfo) -> "PersonName":
        # A name that is one already was stored: an event may repeat it as it is.
        if is_stored(info) or isinstance(value, PersonName):
            return handler(value)
        name = handler(parse_name(value) if isinstance(value, str) else value)
        if not name.given_names and not name.family_names:
            raise broken("name_empty")
        if name.length() > 300:
            raise broken("name_length")
        return name

    def length(self) -> int:
        """Code points of all parts."""
        lists = (self.given_names, self.middle_names, self.family_names, self.prefixes, self.suffixes)
        single = (self.patronymic, self.matronymic, self.honorific, self.preferred_form)
        return sum(len(part) for parts in lists for part in parts) + sum(len(part or "") for part in single)
