"""Component type SocialProfile: an account of the person on a social platform."""

from typing import Literal

from domain.components.base import ComponentData
from domain.times import Instant
from domain.values.rules import Count, Flag, NotBlank, fold
from domain.values.url import Url


class SocialProfileComponent(ComponentData):
    """An account that others can see, with what was last read there."""

    type_name = "SocialProfile"
    group = "profile"
    access = "public"

    platform: Literal[
        "LinkedIn",
        "Twitter",
        "Facebook",
        "Instagram",
        "GitHub",
        "YouTube",
        "TikTok",
        "Reddit",
        "Pinterest",
        "Mastodon",
        "Other",
    ]
    username: NotBlank
    profile_url: Url
    display_name: str | None = None
    bio: str | None = None
    follower_count: Count | None = None
    following_count: Count | None = None
    platform_verified: Flag = False
    is_business_account: Flag = False
    last_synced: Instant | None = None

    def natural_key(self) -> tuple[str, ...]:
        """Platform and user name."""
        return (self.platform, fold(self.username))
