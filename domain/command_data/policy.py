"""Commands on activity, notifications and quality, mostly sent by policies."""

import re
from typing import Annotated, Final

from pydantic import Field, StrictInt

from domain.command_data.base import SWEEPS, CommandData, CommandSpec
from domain.ids import Uuid
from domain.standing import NotificationChannel, NotificationPurpose
from domain.values.rules import Slug, broken, on_entry

MAX_THRESHOLD_DAYS: Final = 36_500
# Without "@" and blanks: what tells two notifications apart is an id, never personal data.
_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{0,128}", re.ASCII)


def _opaque(text: str) -> str:
    if _KEY.fullmatch(text) is None:
        raise broken("opaque_key")
    return text


class RecordActivity(CommandData):
    """Say that the person was active somewhere else."""

    kind: Slug


class RecordInactivity(CommandData):
    """Say that nothing was heard of the person for `threshold` days."""

    threshold: Annotated[StrictInt, Field(ge=1, le=MAX_THRESHOLD_DAYS)]


class RequestNotification(CommandData):
    """Have the person notified, once for each template and key."""

    template: Slug
    key: Annotated[str, on_entry(_opaque, pattern=f"^{_KEY.pattern}$")] = ""
    purpose: NotificationPurpose = "Service"
    channel: NotificationChannel
    component_id: Uuid | None = None


class FlagQuality(CommandData):
    """Say that something needs a look."""

    flag: Slug
    component_id: Uuid | None = None


class ClearQuality(CommandData):
    """Say that a flag was dealt with."""

    flag_id: Uuid


COMMANDS: Final[tuple[CommandSpec, ...]] = (
    CommandSpec("policy.record_activity", RecordActivity),
    CommandSpec("policy.record_inactivity", RecordInactivity, SWEEPS),
    CommandSpec("policy.request_notification", RequestNotification),
    CommandSpec("policy.flag_quality", FlagQuality),
    CommandSpec("policy.clear_quality", ClearQuality),
)
