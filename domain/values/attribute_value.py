"""Values of attributes: a tagged union. On the wire each is an object with its ``type`` and its ``value``.

``{"type": "Length", "value": 1.8}``; an ApproximateDate has a ``precision`` too, and the members of a List are values themselves.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, JsonValue, StrictInt

from domain.ids import Uuid
from domain.model import Frozen
from domain.relations import ForeignId
from domain.times import Day
from domain.values.rules import Flag, Number, broken, on_entry

MAX_LIST: Final = 100
_INTEGERS: Final = range(-(2**63), 2**63)
_YEARS: Final = range(1, 10_000)


def _integer(value: int) -> int:
    if value not in _INTEGERS:
        raise broken("integer")
    return value


def _year(year: int) -> int:
    if year not in _YEARS:
        raise broken("year")
    return year


def _not_negative(value: int | float) -> int | float:
    if value < 0:
        raise broken("not_negative")
    return value


def _list(values: tuple[AttributeValue, ...]) -> tuple[AttributeValue, ...]:
    if len(values) > MAX_LIST:
        raise broken("list_length")
    return values


Measure = Annotated[Number, on_entry(_not_negative, minimum=0)]


class TextValue(Frozen):
    """Any text."""

    type: Literal["Text"]
    value: str


class NumberValue(Frozen):
    """A finite number."""

    type: Literal["Number"]
    value: Number


class IntegerValue(Frozen):
    """A whole number of at most 64 bits."""

    type: Literal["Integer"]
    value: Annotated[StrictInt, on_entry(_integer, minimum=_INTEGERS[0], maximum=_INTEGERS[-1])]


class BoolValue(Frozen):
    """True or false."""

    type: Literal["Bool"]
    value: Flag


class DateValue(Frozen):
    """A day."""

    type: Literal["Date"]
    value: Day


class YearValue(Frozen):
    """A year from 1 to 9999."""

    type: Literal["Year"]
    value: Annotated[StrictInt, on_entry(_year, minimum=1, maximum=9999)]


class ApproximateDateValue(Frozen):
    """A day that is known as precisely as it says: any day of that month, year, decade or century."""

    type: Literal["ApproximateDate"]
    value: Day
    precision: Literal["Exact", "Month", "Year", "Decade", "Century"]


class LengthValue(Frozen):
    """A length in metres."""

    type: Literal["Length"]
    value: Measure


class MassValue(Frozen):
    """A mass in kilograms."""

    type: Literal["Mass"]
    value: Measure


class PersonRefValue(Frozen):
    """The id of a person."""

    type: Literal["PersonRef"]
    value: Uuid


class LocationRefValue(Frozen):
    """The id of a place in the location domain."""

    type: Literal["LocationRef"]
    value: ForeignId


class ListValue(Frozen):
    """Several values, of any types."""

    type: Literal["List"]
    value: Annotated[tuple[AttributeValue, ...], on_entry(_list, maxItems=MAX_LIST)]


class JsonDocumentValue(Frozen):
    """Any JSON value other than null."""

    type: Literal["Json"]
    value: JsonValue


AttributeValue = Annotated[
    TextValue
    | NumberValue
    | IntegerValue
    | BoolValue
    | DateValue
    | YearValue
    | ApproximateDateValue
    | LengthValue
    | MassValue
    | PersonRefValue
    | LocationRefValue
    | ListValue
    | JsonDocumentValue,
    Field(discriminator="type"),
]

ListValue.model_rebuild()

VALUE_TYPES: Final = frozenset(
    get_args(model.model_fields["type"].annotation)[0] for model in get_args(get_args(AttributeValue)[0])
)
"""The words that may stand in ``type``."""
