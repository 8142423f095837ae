"""Small rules that several values share."""

import unicodedata
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictFloat, StrictInt, ValidationInfo
from pydantic_core import PydanticCustomError

from domain.model import is_stored

T = TypeVar("T")
MAX_REASON: Final = 500
_JOINERS: Final = "\u200c\u200d"


def broken(rule: str) -> PydanticCustomError:
    """The error of a broken rule. Its text is the rule, since values may be personal data."""
    return PydanticCustomError(rule, rule)


def on_entry(check: Callable[[T], T]) -> AfterValidator:
    """Runs `check` when a value enters, and not when it is read back."""

    def validate(value: T, info: ValidationInfo) -> T:
        return value if is_stored(info) else check(value)

    return AfterValidator(validate)


def fold(text: str) -> str:
    """The form in which text keys are compared."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def graphemes(text: str) -> int:
    """Number of characters as a reader counts them: marks and joiners belong to the one before."""
    return sum(1 for character in text if not _extends(character)) or bool(text)


def first_grapheme(text: str) -> str:
    """The first character with the marks that belong to it."""
    for index, character in enumerate(text):
        if index and not _extends(character) and text[index - 1] != "\u200d":
            return text[:index]
    return text


def _extends(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character)[0] == "M"


def _not_blank(text: str) -> str:
    if not text.strip():
        raise broken("not_blank")
    return text


def _reason(text: str) -> str:
    if not 1 <= graphemes(text) <= MAX_REASON or len(text) > 4 * MAX_REASON:
        raise broken("reason_length")
    return text


def _short(text: str) -> str:
    if not 1 <= len(text) <= 100:
        raise broken("text_length")
    return text


def _tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    if len(tags) > 32:
        raise broken("tag_count")
    for tag in tags:
        _not_blank(tag)
    return tags


def _count(value: int) -> int:
    if not 0 <= value < 2**63:
        raise broken("count")
    return value


def _number(value: object) -> object:
    # A number has one spelling: 3.0 and 3 are the same years of experience.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Flag = StrictBool
Count = Annotated[StrictInt, on_entry(_count)]
Number = Annotated[StrictInt | StrictFloat, BeforeValidator(_number)]
NotBlank = Annotated[str, on_entry(_not_blank)]
ShortText = Annotated[str, on_entry(_short)]
Reason = Annotated[str, on_entry(_reason)]
Tags = Annotated[tuple[str, ...], on_entry(_tags)]
