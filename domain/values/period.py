"""Spans of days: both ends belong to them, and without an end they go on."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from domain.model import Frozen, is_stored
from domain.times import Day
from domain.values.rules import broken


def not_before(start: str) -> AfterValidator:
    """Refuses a day before the one in field `start`, which stands above it in the same model."""

    def validate(day: date, info: ValidationInfo) -> date:
        first = info.data.get(start)
        if not is_stored(info) and isinstance(first, date) and day < first:
            raise broken("before_start")
        return day

    return AfterValidator(validate)


def unless_ended(end: str) -> AfterValidator:
    """Refuses a flag that says something goes on, when field `end` above it has a day."""

    def validate(goes_on: bool, info: ValidationInfo) -> bool:
        if goes_on and not is_stored(info) and info.data.get(end) is not None:
            raise broken("ended")
        return goes_on

    return AfterValidator(validate)


class Period(Frozen):
    """From a day to a day."""

    start: Day
    end: Annotated[Day, not_before("start")] | None = None

    def contains(self, day: date) -> bool:
        """Whether the day belongs to the period."""
        return self.start <= day and (self.end is None or day <= self.end)

    def overlaps(self, other: "Period") -> bool:
        """Whether some day belongs to both."""
        return (self.end is None or other.start <= self.end) and (other.end is None or self.start <= other.end)
