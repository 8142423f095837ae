"""The languages of a source, as communication preferences.

A source that names languages says nothing else about how somebody wants to be addressed; the rest is set to what asks
least of them: only what is important, in any format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def language_preferences(tags: Sequence[str]) -> dict[str, Any]:
    """The fields of communication preferences, the first language as the preferred one."""
    first, *others = tags
    return {
        "preferred_language": first,
        "secondary_languages": others,
        "contact_frequency": "OnlyImportant",
        "email_format": "Both",
    }
