"""Instants and days on the wire: RFC 3339 in UTC with ``Z`` and at most microseconds, and ``YYYY-MM-DD``."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def format_instant(instant: datetime) -> str:
    """The one text of an instant: no fraction on a whole second, else six digits."""
    in_utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return in_utc.isoformat().removesuffix("+00:00") + "Z"


def parse_instant(text: str) -> datetime:
    """Inverse of `format_instant`; a shorter fraction is read too. Raises ValueError otherwise."""
    if _INSTANT.fullmatch(text) is None:
        raise ValueError("not an instant")
    return datetime.fromisoformat(text)


def _read_instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except ValueError:
        raise PydanticCustomError("instant", "an instant is RFC 3339 UTC with Z") from None


def _read_day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date", "a date is YYYY-MM-DD")


Instant = Annotated[
    datetime,
    BeforeValidator(_read_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_INSTANT.pattern}$"}),
]
"""A moment in UTC. Read by the standard library, whose UTC orjson writes with ``Z``."""

Day = Annotated[
    date,
    BeforeValidator(_read_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": f"^{_DAY.pattern}$"}),
]
"""A calendar day. Numbers and times are not days."""
