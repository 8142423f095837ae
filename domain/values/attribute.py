"""Attributes: observed facts about a person with validity and provenance, superseded or invalidated, never overwritten."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import JsonValue

from domain.ids import Uuid
from domain.model import Frozen
from domain.personal import Group, OfItsType
from domain.relations import ForeignId
from domain.times import Day
from domain.values.attribute_value import AttributeValue

AttributeType = Literal["Identifying", "Physical", "Healthcare", "Demographic", "Custom"]


def group_of(attribute_type: AttributeType) -> Group:
    """Group in which the value of an attribute is protected."""
    return "health" if attribute_type == "Healthcare" else "identity"


class AttributeProvenance(Frozen):
    """Where the fact comes from and how sure it is."""

    source: Literal["SelfReported", "Measured", "DocumentVerified", "Computed", "Imported"]
    confidence: Literal["Certain", "Likely", "Possible", "Uncertain"]
    recorded_by: ForeignId | None = None


class Attribute(Frozen):
    """One attribute of a person, as a state holds it. A value of a type that is not known stays as it was stored."""

    attribute_id: Uuid
    attribute_type: AttributeType
    name: str
    value: OfItsType[AttributeValue | JsonValue]
    valid_from: Day | None = None
    valid_until: Day | None = None
    provenance: AttributeProvenance

    def is_valid_on(self, day: date) -> bool:
        """Whether the attribute holds on a day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


def observe_at(attributes: Iterable[Attribute], day: date) -> tuple[Attribute, ...]:
    """The attributes that hold on a day."""
    return tuple(attribute for attribute in attributes if attribute.is_valid_on(day))
