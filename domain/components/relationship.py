"""Component type Relationship: an edge from the person to another one in the network of persons."""

from typing import Annotated, Literal

from domain.components.base import ComponentData
from domain.times import Day, Instant
from domain.values.period import not_before
from domain.values.rules import Count, Number, UsableId, within


class RelationshipComponent(ComponentData):
    """What the other person is to this one, and how strong the tie is, from 0 to 1."""

    type_name = "Relationship"
    group = "profile"
    access = "private"

    other_person_id: UsableId
    relationship_type: Literal[
        "Family",
        "Friend",
        "Colleague",
        "Manager",
        "Report",
        "Mentor",
        "Mentee",
        "BusinessPartner",
        "Client",
        "Vendor",
        "Alumni",
        "Other",
    ]
    strength: Annotated[Number, within(0, 1)] = 0.5
    start_date: Day | None = None
    end_date: Annotated[Day, not_before("start_date")] | None = None
    last_interaction: Instant | None = None
    interaction_count: Count = 0
    notes: str | None = None

    def natural_key(self) -> tuple[str, ...]:
        """The other person and the kind of tie."""
        return (self.other_person_id, self.relationship_type)
