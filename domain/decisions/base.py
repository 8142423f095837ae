"""What a decision is, and the checks that several share."""

from collections.abc import Callable
from datetime import date
from typing import Any

from domain.commands import Command
from domain.event_data.base import EventData
from domain.person import Person
from domain.refusals import Refused

Payloads = tuple[EventData, ...]
Decision = Callable[[Command, Any, Person], Payloads]


def require_not_in_future(day: date, command: Command, field: str) -> None:
    """Refuse a day after that of the command."""
    if day > command.now.date():
        raise Refused("invalid_date", field=field, rule="not_in_future")


def require_order(first: date | None, last: date | None, field: str, rule: str) -> None:
    """Refuse a last day before the first; a day that is not known does not speak against it."""
    if first is not None and last is not None and last < first:
        raise Refused("invalid_date", field=field, rule=rule)
