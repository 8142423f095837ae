"""Component type CommunicationPreferences: how, when and in which language the person wants to be addressed."""

from typing import Literal

from domain.components.base import SingleComponent
from domain.model import Frozen
from domain.values.hours import HourRange, QuietHours, TimeZone
from domain.values.language import LanguageTag
from domain.values.rules import Flag


class BestTime(Frozen):
    """Hours in which a contact is welcome."""

    timezone: TimeZone
    hours: HourRange


class DoNotDisturb(Frozen):
    """Hours in which a contact is not welcome; they may run past midnight."""

    hours: QuietHours
    timezone: TimeZone
    include_weekends: Flag = False


class CommunicationPreferencesComponent(SingleComponent):
    """Languages, channels and times."""

    type_name = "CommunicationPreferences"
    group = "profile"
    access = "private"

    preferred_language: LanguageTag
    secondary_languages: tuple[LanguageTag, ...] = ()
    preferred_channels: tuple[Literal["Email", "Phone", "SMS", "WhatsApp", "InAppNotification", "PostalMail"], ...] = ()
    contact_frequency: Literal["Daily", "Weekly", "Monthly", "Quarterly", "OnlyImportant", "Never"]
    best_time_to_contact: BestTime | None = None
    do_not_disturb_hours: DoNotDisturb | None = None
    email_format: Literal["PlainText", "HTML", "Both"]
