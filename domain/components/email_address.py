"""Component type EmailAddress: a mailbox of the person."""

from typing import Literal

from domain.components.base import ComponentData
from domain.values.email import EmailAddress
from domain.values.rules import Flag, fold


class EmailAddressComponent(ComponentData):
    """A mailbox and what it may be used for."""

    type_name = "EmailAddress"
    group = "contact"
    access = "contact"

    email: EmailAddress
    email_type: Literal["Personal", "Work", "School", "Other"] = "Other"
    can_receive_notifications: Flag = True
    can_receive_marketing: Flag = False

    def natural_key(self) -> tuple[str, ...]:
        """The address."""
        return (fold(self.email.address),)
