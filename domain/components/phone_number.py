"""Component type PhoneNumber: a telephone line of the person."""

from typing import Literal

from domain.components.base import ComponentData
from domain.model import Frozen
from domain.values.hours import HourRange, TimeZone, Weekday
from domain.values.phone import PhoneNumber
from domain.values.rules import Flag


class ContactTime(Frozen):
    """When the person prefers to be called, in their own time zone."""

    timezone: TimeZone
    preferred_hours: tuple[HourRange, ...] = ()
    preferred_days: tuple[Weekday, ...] = ()


class PhoneNumberComponent(ComponentData):
    """A line and what it may be used for."""

    type_name = "PhoneNumber"
    group = "contact"
    access = "contact"

    phone: PhoneNumber
    phone_type: Literal["Mobile", "Home", "Work", "Emergency", "Other"] = "Other"
    can_receive_sms: Flag = False
    can_receive_calls: Flag = True
    preferred_contact_time: ContactTime | None = None

    @property
    def is_mobile(self) -> bool:
        """Whether the line is a mobile one."""
        return self.phone_type == "Mobile"

    def natural_key(self) -> tuple[str, ...]:
        """Number and extension."""
        return (self.phone.number, self.phone.extension or "")
