"""Component type PrivacyPreferences: what the person wants shown, shared and kept. Consents are events of their own."""

from typing import Literal

from pydantic import Field

from domain.components.base import SingleComponent
from domain.model import Frozen
from domain.values.rules import Flag


class DataSharing(Frozen):
    """What data may be used for. Nothing, unless said otherwise."""

    allow_analytics: Flag = False
    allow_marketing: Flag = False
    allow_third_party_sharing: Flag = False
    allow_profiling: Flag = False
    share_with_partners: tuple[str, ...] = ()


class Visibility(Frozen):
    """Who may see what. Nobody, unless said otherwise."""

    profile: Literal["Public", "RegisteredUsers", "Connections", "Private"] = "Private"
    contact_info: Literal["Everyone", "Connections", "Nobody"] = "Nobody"
    activity: Literal["Public", "Connections", "Private"] = "Private"


class PrivacyPreferencesComponent(SingleComponent):
    """Sharing, visibility and retention. What is left out has its most private value."""

    type_name = "PrivacyPreferences"
    group = "profile"
    access = "private"

    data_sharing: DataSharing = Field(default_factory=DataSharing)
    visibility: Visibility = Field(default_factory=Visibility)
    data_retention: Literal["MinimumRequired", "OneYear", "ThreeYears", "FiveYears", "Indefinite"] = "MinimumRequired"
