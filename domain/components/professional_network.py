"""Component type ProfessionalNetwork: a membership in a network of professionals."""

from typing import Literal

from domain.components.base import ComponentData
from domain.times import Day
from domain.values.rules import Count, NotBlank, fold
from domain.values.url import Url


class ProfessionalNetworkComponent(ComponentData):
    """A membership and its reach."""

    type_name = "ProfessionalNetwork"
    group = "profile"
    access = "career"

    network_name: NotBlank
    member_id: NotBlank
    profile_url: Url | None = None
    connection_count: Count | None = None
    membership_level: Literal["Basic", "Premium", "Professional", "Enterprise", "Custom"]
    specializations: tuple[str, ...] = ()
    joined_date: Day | None = None

    def natural_key(self) -> tuple[str, ...]:
        """Network and member id."""
        return (fold(self.network_name), fold(self.member_id))
