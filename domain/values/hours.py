"""Hours of a day, time zones and days of the week."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import StrictInt, ValidationInfo, model_validator

from domain.model import Frozen, is_stored
from domain.values.rules import broken, on_entry

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

_AREAS: Final = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific"
_ZONE: Final = re.compile(rf"(?:{_AREAS})(?:/[A-Za-z0-9_+-]{{1,32}}){{1,2}}|UTC|GMT", re.ASCII)


def _zone(text: str) -> str:
    # The set of zone names belongs to the operating system and changes; only its form is checked here.
    if _ZONE.fullmatch(text) is None:
        raise broken("time_zone")
    return text


TimeZone = Annotated[str, on_entry(_zone, pattern=f"^(?:{_ZONE.pattern})$")]
"""IANA name of a time zone."""


class HourRange(Frozen):
    """From the start of one hour to the start of a later hour of the same day."""

    start: StrictInt
    end: StrictInt

    @model_validator(mode="after")
    def _ordered(self, info: ValidationInfo) -> Self:
        if not is_stored(info) and not 0 <= self.start < self.end <= 23:
            raise broken("hour_range")
        return self


class QuietHours(Frozen):
    """From the start of one hour to the start of another; past midnight when the second is the smaller one."""

    start: StrictInt
    end: StrictInt

    @model_validator(mode="after")
    def _differ(self, info: ValidationInfo) -> Self:
        if not is_stored(info) and not (0 <= self.start <= 23 and 0 <= self.end <= 23 and self.start != self.end):
            raise broken("hour_range")
        return self
