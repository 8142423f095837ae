"""Component type Address: a place where mail reaches the person."""

from typing import Literal

from domain.components.base import ComponentData
from domain.times import Day
from domain.values.address import Address, GeoPoint
from domain.values.hours import TimeZone
from domain.values.rules import fold


class AddressComponent(ComponentData):
    """A postal address and what it is for."""

    type_name = "Address"
    group = "contact"
    access = "contact"

    address_type: Literal["Residential", "Business", "Mailing", "Billing", "Shipping", "Other"]
    address: Address
    coordinates: GeoPoint | None = None
    timezone: TimeZone | None = None
    verification_date: Day | None = None

    def natural_key(self) -> tuple[str, ...]:
        """Use, street, postal code, city and country."""
        address = self.address
        place = (address.street1, address.postal_code or "", address.city, address.country_code)
        return (self.address_type, *map(fold, place))
