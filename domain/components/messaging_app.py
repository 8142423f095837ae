"""Component type MessagingApp: where the person can be reached by message."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from domain.components.base import ComponentData
from domain.model import Frozen, is_stored
from domain.values.rules import Flag, NotBlank, broken, fold


class MessagingPreferences(Frozen):
    """What the person wants in this app."""

    allow_voice_calls: Flag = False
    allow_video_calls: Flag = False
    allow_group_invites: Flag = False
    notification_enabled: Flag = False


def _of_platform(handle: str, info: ValidationInfo) -> str:
    if info.data.get("platform") == "Telegram" and not is_stored(info) and not handle.startswith(("@", "+")):
        raise broken("telegram_handle")
    return handle


class MessagingAppComponent(ComponentData):
    """An account in an app. A Telegram handle is a user name with its @ or a number with its +."""

    type_name = "MessagingApp"
    group = "contact"
    access = "contact"

    platform: Literal["WhatsApp", "Telegram", "Signal", "WeChat", "Line", "Viber", "Discord", "Slack", "Other"]
    handle: Annotated[NotBlank, AfterValidator(_of_platform)]
    display_name: str | None = None
    preferences: MessagingPreferences = Field(default_factory=MessagingPreferences)

    def natural_key(self) -> tuple[str, ...]:
        """Platform and handle."""
        return (self.platform, fold(self.handle))
