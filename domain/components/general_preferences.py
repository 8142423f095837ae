"""Component type GeneralPreferences: how the person wants software to look and to write."""

from typing import Literal

from pydantic import Field

from domain.components.base import SingleComponent
from domain.values.money import Currency
from domain.values.rules import Json


class GeneralPreferencesComponent(SingleComponent):
    """Theme, formats, currency and units."""

    type_name = "GeneralPreferences"
    group = "profile"
    access = "private"

    theme: Literal["Light", "Dark", "System"]
    date_format: str
    time_format: Literal["TwelveHour", "TwentyFourHour"]
    currency: Currency
    units: Literal["Metric", "Imperial"]
    custom_preferences: dict[str, Json] = Field(default_factory=dict)
