"""Small rules that several values share."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetJsonSchemaHandler,
    JsonValue,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from domain.ids import Uuid, is_person_id
from domain.model import is_stored

T = TypeVar("T")
MAX_REASON: Final = 500
NOT_BLANK: Final = r"\S"
_JOINERS: Final = "\u200c\u200d"
_SLUG: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def broken(rule: str) -> PydanticCustomError:
    """The error of a broken rule. Its text is the rule, since values may be personal data."""
    return PydanticCustomError(rule, rule)


@dataclass(frozen=True)
class EntryRule(AfterValidator):
    """A rule, and the keywords of JSON Schema that tell clients of it."""

    keywords: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of the value with what the rule adds."""
        return {**handler(schema), **self.keywords}


def on_entry(check: Callable[[T], T], **keywords: JsonValue) -> EntryRule:
    """Runs `check` when a value enters, and not when it is read back. `keywords` say in JSON Schema what it allows."""

    def validate(value: T, info: ValidationInfo) -> T:
        return value if is_stored(info) else check(value)

    return EntryRule(validate, keywords)


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


def _label(text: str) -> str:
    if not 1 <= len(text) <= 200:
        raise broken("label_length")
    return text


def _usable(text: str) -> str:
    if not is_person_id(text):
        raise broken("reserved_id")
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


def within(low: float, high: float, rule: str = "range") -> EntryRule:
    """Refuses a number below `low` or above `high` when it enters; both ends are allowed, infinity is not."""

    def check(number: int | float) -> int | float:
        if not low <= number <= high or not isfinite(number):
            raise broken(rule)
        return number

    return on_entry(check, minimum=low, **({"maximum": high} if isfinite(high) else {}))


def _slug(text: str) -> str:
    if _SLUG.fullmatch(text) is None:
        raise broken("slug")
    return text


def _present(value: JsonValue) -> JsonValue:
    if value is None:
        raise broken("missing")
    return value


Flag = StrictBool
Count = Annotated[StrictInt, on_entry(_count, minimum=0)]
Number = Annotated[StrictInt | StrictFloat, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
NotBlank = Annotated[str, on_entry(_not_blank, pattern=NOT_BLANK)]
ShortText = Annotated[str, on_entry(_short, minLength=1, maxLength=100)]
Label = Annotated[str, on_entry(_label, minLength=1, maxLength=200)]
Reason = Annotated[str, on_entry(_reason, minLength=1, maxLength=4 * MAX_REASON)]
Tags = Annotated[tuple[str, ...], on_entry(_tags, maxItems=32)]
Slug = Annotated[str, on_entry(_slug, pattern=f"^{_SLUG.pattern}$")]
Json = Annotated[JsonValue, on_entry(_present)]
UsableId = Annotated[Uuid, on_entry(_usable)]
"""An id that may name something: any UUID but nil and max."""
