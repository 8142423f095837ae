"""The postal address, and the point on the globe that goes with it."""

from math import inf
from typing import Annotated

from domain.model import Frozen
from domain.values.countries import CountryCode
from domain.values.rules import NotBlank, Number, within


class Address(Frozen):
    """Where mail arrives. The country is given by name, as people write it, and by code."""

    street1: NotBlank
    street2: str | None = None
    city: NotBlank
    state_province: str | None = None
    postal_code: str | None = None
    country: NotBlank
    country_code: CountryCode


class GeoPoint(Frozen):
    """A point in degrees (WGS 84), and how far off it may be in metres."""

    latitude: Annotated[Number, within(-90, 90)]
    longitude: Annotated[Number, within(-180, 180)]
    accuracy_meters: Annotated[Number, within(0, inf)] | None = None
