"""Attributes: observed facts about a person with validity and provenance, superseded or invalidated, never overwritten."""

from datetime import date
from typing import Literal

from pydantic import JsonValue

from domain.ids import Uuid
from domain.model import Frozen
from domain.personal import Redacted
from domain.times import Day
from domain.values.rules import NotBlank

AttributeType = Literal["Identifying", "Physical", "Healthcare", "Demographic", "Custom"]


class AttributeProvenance(Frozen):
    """Where the fact comes from and how sure it is."""

    source: Literal["SelfReported", "Measured", "DocumentVerified", "Computed", "Imported"]
    confidence: Literal["Certain", "Likely", "Possible", "Uncertain"]
    recorded_by: str | None = None


class Attribute(Frozen):
    """One attribute of a person, as a state holds it."""

    attribute_id: Uuid
    attribute_type: AttributeType
    name: NotBlank
    value: Redacted | JsonValue
    valid_from: Day | None = None
    valid_until: Day | None = None
    provenance: AttributeProvenance

    def is_valid_on(self, day: date) -> bool:
        """Whether the attribute holds on a day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )
