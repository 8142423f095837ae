"""Component type CustomerSegment: which kind of customer the person is."""

from typing import Literal

from pydantic import Field

from domain.components.base import SingleComponent

Segment = Literal[
    "NewCustomer",
    "ActiveCustomer",
    "LoyalCustomer",
    "AtRiskCustomer",
    "LapsedCustomer",
    "VIPCustomer",
    "Prospect",
    "Lead",
    "Custom",
]


class CustomerSegmentComponent(SingleComponent):
    """Segments, stage and worth of a customer."""

    type_name = "CustomerSegment"
    group = "profile"
    access = "commercial"

    primary_segment: Segment
    secondary_segments: tuple[Segment, ...] = ()
    lifecycle_stage: Literal["Awareness", "Consideration", "Purchase", "Retention", "Advocacy", "Reactivation"]
    value_tier: Literal["Platinum", "Gold", "Silver", "Bronze", "Basic"]
    persona: str | None = None
    custom_segments: dict[str, str] = Field(default_factory=dict)
