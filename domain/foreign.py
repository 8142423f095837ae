"""Events of neighbouring domains as they arrive: a tolerant reader of their envelopes, and the words that their data is read with.

Members that it does not know are passed over; ids, sizes and the correlation are checked, and what is wrong is named without its value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Final, Self, get_args

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError, WithJsonSchema

from domain.envelope import MAX_INTEGER, trace_context
from domain.fields import broken_rule
from domain.ids import UUID_PATTERN, is_person_id
from domain.times import parse_instant
from domain.undecodable import Undecodable
from domain.values.rules import broken

MAX_FOREIGN_BYTES: Final = 256 << 10
"""What a message of a neighbour may weigh; the largest one says which languages a person writes."""

_TYPE: Final = re.compile(r"[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_.]{0,95}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ForeignEvent:
    """What another domain says has happened there. `name` is its type without the domain."""

    id: str
    type: str
    domain: str
    name: str
    correlationid: str
    depth: int
    traceparent: str | None
    day: date
    """When it happened, as the neighbour says; else when it was stored."""
    stored_at: datetime
    data: Mapping[str, JsonValue]


class ForeignData(BaseModel):
    """What an event carries, as far as this domain reads it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def read(cls, event: ForeignEvent) -> Self:
        """The data of an event. Raises Undecodable that names field and rule."""
        try:
            return cls.model_validate(event.data)
        except ValidationError as error:
            field, rule = broken_rule(error, "data")
            raise Undecodable("undecodable", f"{field}: {rule}") from None


def read_foreign_event(raw: bytes, *, subject: str, stored_at: datetime) -> ForeignEvent:
    """The event in raw bytes that came under `<domain>.events.>`. Raises Undecodable."""
    document = foreign_document(raw)
    event_type = document.get("type")
    if not isinstance(event_type, str) or _TYPE.fullmatch(event_type) is None:
        raise Undecodable("undecodable", "type: word")
    domain, _, name = event_type.partition(".")
    if domain != subject.partition(".")[0]:
        raise Undecodable("subject_mismatch", "type: domain of the subject")
    event_id = _uuid(document, "id")
    if event_id is None:
        raise Undecodable("undecodable", "id: missing")
    data = document.get("data", {})
    if not isinstance(data, dict):
        raise Undecodable("undecodable", "data: object")
    correlationid, depth = _cause(document, event_id)
    return ForeignEvent(
        id=event_id,
        type=event_type,
        domain=domain,
        name=name,
        correlationid=correlationid,
        depth=depth,
        traceparent=trace_context(document.get("traceparent")),
        day=_day(document, stored_at),
        stored_at=stored_at,
        data=data,
    )


def foreign_document(raw: bytes) -> dict[str, Any]:
    """The JSON object in raw bytes. Raises Undecodable."""
    if len(raw) > MAX_FOREIGN_BYTES:
        raise Undecodable("undecodable", f"message: at most {MAX_FOREIGN_BYTES} bytes")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Undecodable("undecodable", "$: json") from None
    if not isinstance(document, dict):
        raise Undecodable("undecodable", "$: object")
    return document


def _uuid(document: Mapping[str, Any], field: str) -> str | None:
    value = document.get(field)
    if value is None:
        return None
    text = value.lower() if isinstance(value, str) else ""
    if not is_person_id(text):
        raise Undecodable("undecodable", f"{field}: uuid")
    return text


def _cause(document: Mapping[str, Any], event_id: str) -> tuple[str, int]:
    """Correlation and depth. Without a correlation the event is a root of its own."""
    correlationid = _uuid(document, "correlationid")
    if correlationid is None:
        return event_id, 0
    causationid = _uuid(document, "causationid")
    depth = document.get("causationdepth", 0)
    if not isinstance(depth, int) or isinstance(depth, bool) or not 0 <= depth < MAX_INTEGER:
        raise Undecodable("undecodable", "causationdepth: range")
    if causationid == event_id and (correlationid != event_id or depth):
        raise Undecodable("undecodable", "correlationid: correlation")
    return correlationid, depth


def _day(document: Mapping[str, Any], stored_at: datetime) -> date:
    try:
        return parse_instant(document["time"]).date()
    except (KeyError, TypeError, ValueError):
        return stored_at.date()


@dataclass(frozen=True)
class WordRule(BeforeValidator):
    """Reads a word, and tells in JSON Schema which ones are understood."""

    keywords: Mapping[str, JsonValue] = field(default_factory=dict, hash=False)

    def __get_pydantic_json_schema__(self, _: Any, __: Any) -> dict[str, Any]:
        """The schema of the text."""
        return {"type": "string", **self.keywords}


def word_of(words: Any, default: str | None = None, **aliases: str) -> WordRule:
    """One of the words of a literal type, however it is capitalised; `aliases` are further spellings.

    Any other word reads as `default`, and is refused where there is none.
    """
    understood = [*get_args(words), *aliases]
    known = {_bare(word): word for word in get_args(words)} | {_bare(alias): word for alias, word in aliases.items()}

    def read(value: object) -> object:
        word = known.get(_bare(value)) if isinstance(value, str) else None
        if word is None and default is None:
            raise broken("word")
        return word or default

    return WordRule(read, keywords={"enum" if default is None else "examples": understood})


def _bare(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _read_slug(value: object) -> object:
    if not isinstance(value, str):
        raise broken("slug")
    return re.sub(r"[^a-z0-9]+", "_", value.casefold()).strip("_")[:64].lstrip("0123456789_") or "other"


def _read_uuid(value: object) -> object:
    text = value.lower() if isinstance(value, str) else ""
    if not is_person_id(text):
        raise broken("uuid")
    return text


def _read_day(value: object) -> object:
    # Some neighbours tell the moment; its day is what counts.
    return value[:10] if isinstance(value, str) and len(value) > 10 and value[10] in "T " else value


def at_most(number: int) -> BeforeValidator:
    """Refuses a list of more items before any of them is read."""

    def check(items: object) -> object:
        if isinstance(items, list) and len(items) > number:
            raise broken("too_long")
        return items

    return BeforeValidator(check)


ForeignUuid = Annotated[
    str,
    BeforeValidator(_read_uuid),
    WithJsonSchema({"type": "string", "pattern": UUID_PATTERN.replace("a-f", "a-fA-F")}),
]
"""An id of this domain in a message of another; capital letters are read too."""
ForeignSlug = Annotated[str, BeforeValidator(_read_slug), WithJsonSchema({"type": "string"})]
"""A word of another domain, brought into the form of a slug."""
ForeignDay = Annotated[
    date, BeforeValidator(_read_day), WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"})
]
"""A day, or a moment of it."""


class OfPerson(ForeignData):
    """Data that may name the person that it is about."""

    person_id: ForeignUuid | None = None
